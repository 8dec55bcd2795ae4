"""What follows writing: deleted text leaves every byte of the folder, and a database at rest gets its seal.

A removal notes in the settings that its text has still to be erased, in the same transaction, so that a kill puts it
off and does not forget it. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from corpora import raw, schema, seal, state
from corpora.connections import Connections
from corpora.durable import UNFINISHED
from corpora.errors import LibraryBusy

PATIENCE_S: Final = 2.0  # for a reader that holds old pages back
_TO_ERASE: Final = "to_erase"
_WORTH_SHRINKING: Final = 0.25  # of all pages being free
_FEW_PAGES: Final = 256
_CHECKED_WHOLE_BYTES: Final = 64 << 20


def note(connection: sqlite3.Connection) -> None:
    """Inside the transaction that deletes: there is text to erase."""
    state.set_setting(connection, _TO_ERASE, "yes")


def is_owed(connections: Connections) -> bool:
    """Whether text that was deleted may still stand somewhere in the database's files."""
    with connections.reading() as connection:
        return state.setting(connection, _TO_ERASE) is not None


def erase(connections: Connections, *, wait_s: float = PATIENCE_S) -> bool:
    """Leave no byte of what was deleted. False if a reader held old pages back: then it is still owed."""
    with connections.alone():
        clear_leftovers(connections.path.parent)
        if not connections.emptied_log(wait_s):
            return False
        connections.forget_pages()  # They may hold copies that are overwritten now, and would be written again.
        try:
            with connections.writing() as connection:
                raw.zero_unused(connections.path, lock=connections.writer.handle())
                state.set_setting(connection, _TO_ERASE, None)  # With it, other processes forget their pages, too.
        except OSError:
            return False
        connections.forget_pages()
        return connections.emptied_log(wait_s)


def compact(connections: Connections, *, wait_s: float = PATIENCE_S) -> bool:
    """Erase what was deleted and, where much room is free, give it back. False if a reader held old pages back."""
    with connections.alone():
        with connections.reading() as connection:
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            (count,) = connection.execute("PRAGMA page_count").fetchone()
        if free > _FEW_PAGES and free > _WORTH_SHRINKING * count:
            connections.shrink()
        return erase(connections, wait_s=wait_s)


def settle(connections: Connections, *, wait_s: float = PATIENCE_S) -> bool:
    """Bring all into the one file of the database and seal it. False if that cannot be now: whoever writes next will.

    Somebody else may be writing, a reader may hold old pages back, the disk may be full.
    """
    folder = connections.path.parent
    try:
        with connections.alone(wait_s):
            if is_owed(connections) and not erase(connections, wait_s=wait_s):
                return False
            if not connections.emptied_log(wait_s):
                return False
            seal.write(folder, raw.digest(connections.path))
            connections.has_written = False
    except (LibraryBusy, OSError):
        return False
    return True


def check_at_rest(folder: Path) -> None:
    """What opening looks at: a database at rest is what was sealed. Raises ``DamagedLibrary``.

    Of a large one only the size: adding up its bytes would keep whoever opens it waiting, and is what ``verify`` does.
    """
    database = folder / schema.FILE_NAME
    try:
        sealed = seal.read(folder)
        if sealed is None:
            return
        why = None
        size = os.stat(database).st_size
        if size != sealed.bytes:
            why = f"it has {size} bytes and was left with {sealed.bytes}"
        elif size <= _CHECKED_WHOLE_BYTES and raw.digest(database) != sealed:
            why = "its bytes are not those that were written (SHA-256)"
        if why is not None and seal.read(folder) == sealed:  # Otherwise somebody has begun to write.
            raise schema.damaged(database, why)
    except (seal.BrokenSeal, OSError):
        return  # ``verify`` has words for this; what is to be read may be well.


def clear_leftovers(folder: Path) -> None:
    """Delete what a kill left half written; the caller holds the writer's lock, so nobody is writing it now."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):  # It is in nobody's way, and somebody else may have been faster.
            leftover.unlink()
