"""What follows writing: deleted text leaves every byte of the folder, and a database at rest gets its seal.

A removal notes in the settings that its text has still to be erased, in the same transaction, so that a kill puts it
off and does not forget it. Readers that need old pages put it off, too: the next write, or whoever closes the corpus
next, catches up. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from corpora.errors import LibraryBusy, LibraryError
from corpora.store import checksum, raw_file, records, schema
from corpora.store.atomic_write import UNFINISHED
from corpora.store.connections import Connections

READER_WAIT_S: Final = 2.0  # for readers that hold old pages back, in all
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.01, 0.1
_TO_ERASE: Final = "to_erase"
_WORTH_SHRINKING: Final = 0.25  # of all pages being free
_FEW_PAGES: Final = 256
_CHECKED_WHOLE_BYTES: Final = 64 << 20


def request_erase(connection: sqlite3.Connection) -> None:
    """Inside the transaction that deletes: there is text to erase."""
    records.set_setting(connection, _TO_ERASE, "yes")


def is_erase_pending(connections: Connections) -> bool:
    """Whether text that was deleted may still stand somewhere in the database's files."""
    with connections.reading() as connection:
        return records.setting(connection, _TO_ERASE) is not None


def erase(connections: Connections, *, wait_s: float = READER_WAIT_S) -> bool:
    """Leave no byte of what was deleted. False if that could not be in this time: then it is still owed.

    Others write while this waits for readers: the writer's lock is only held for a moment at a time. If one of them
    erases first, this is done, too.
    """
    try:
        return _in_time(lambda left_s: _erased(connections, left_s), wait_s)
    except OSError:
        return False


def try_erase(connections: Connections) -> None:
    """After a write: erase what is owed from before, if nobody is in the way."""
    with contextlib.suppress(LibraryError):  # The write is done, whatever becomes of this: it remains owed.
        erase(connections, wait_s=0.0)


def compact(connections: Connections, *, wait_s: float = READER_WAIT_S) -> bool:
    """Erase what was deleted and, where much room is free, give it back. False if a reader held old pages back."""
    with connections.exclusive():
        with connections.writing() as connection:
            request_erase(connection)
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            (count,) = connection.execute("PRAGMA page_count").fetchone()
        if free > _FEW_PAGES and free > _WORTH_SHRINKING * count:
            connections.vacuum()
    return erase(connections, wait_s=wait_s)


def checkpoint(connections: Connections, *, wait_s: float = READER_WAIT_S) -> bool:
    """Bring all into the one file of the database and seal it. False if that cannot be now: whoever writes next will.

    Somebody else may be writing, a reader may hold old pages back, the disk may be full.
    """
    until = time.monotonic() + wait_s
    try:
        return erase(connections, wait_s=wait_s) and _in_time(
            lambda left_s: _sealed(connections, left_s), until - time.monotonic()
        )
    except (LibraryBusy, OSError):
        return False


def _in_time(attempt: Callable[[float], bool], wait_s: float) -> bool:
    """Try until it works or the time is up; each attempt is told how long it may wait for other writers."""
    until, nap_s = time.monotonic() + wait_s, _FIRST_PAUSE_S
    while not attempt(max(0.0, until - time.monotonic())):
        left_s = until - time.monotonic()
        if left_s <= 0:
            return False
        time.sleep(min(left_s, nap_s * random.uniform(0.5, 1.0)))  # Those who wait do not wake in step.
        nap_s = min(_LONGEST_PAUSE_S, nap_s * 1.5)
    return True


def _erased(connections: Connections, left_s: float) -> bool:
    """Whether nothing is owed: erased now, or by somebody else. Raises OSError if another attempt would be in vain."""
    if not is_erase_pending(connections):
        return True
    if not connections.checkpoint_passively():
        return False
    try:
        with connections.exclusive(left_s):
            return not is_erase_pending(connections) or _erased_alone(connections)
    except LibraryBusy:
        return False


def _erased_alone(connections: Connections) -> bool:
    """Inside ``alone``: erase, unless a reader needs old pages at this moment.

    What is in the log afterwards was written without a look at what is overwritten.
    """
    clear_leftovers(connections.path.parent)
    if not connections.truncate_log(0.0):
        return False
    connections.close_idle()  # They may hold copies that are overwritten now, and would be written again.
    with connections.writing() as connection:
        raw_file.zero_unused(connections.path, lock=connections.writer_lock.handle())
        records.set_setting(connection, _TO_ERASE, None)  # With it, other processes forget their pages, too.
    connections.close_idle()
    connections.truncate_log(0.0)
    return True


def _sealed(connections: Connections, left_s: float) -> bool:
    """Whether all could be brought into the database and sealed now."""
    if not connections.checkpoint_passively():
        return False
    with connections.exclusive(left_s):
        if is_erase_pending(connections) or not connections.truncate_log(0.0):
            return False
        checksum.write(connections.path.parent, raw_file.digest(connections.path))
        connections.has_written = False
    return True


def check_at_rest(folder: Path) -> None:
    """What opening looks at: a database at rest is what was sealed. Raises ``DamagedLibrary``.

    Of a large one only the size: adding up its bytes would keep whoever opens it waiting, and is what ``verify`` does.
    """
    database = folder / schema.FILE_NAME
    try:
        sealed = checksum.read(folder)
        if sealed is None:
            return
        why = None
        size = os.stat(database).st_size
        if size != sealed.bytes:
            why = f"it has {size} bytes and was left with {sealed.bytes}"
        elif size <= _CHECKED_WHOLE_BYTES and raw_file.digest(database) != sealed:
            why = "its bytes are not those that were written (SHA-256)"
        if why is not None and checksum.read(folder) == sealed:  # Otherwise somebody has begun to write.
            raise schema.damaged(database, why)
    except (checksum.BrokenChecksum, OSError):
        return  # ``verify`` has words for this; what is to be read may be well.


def clear_leftovers(folder: Path) -> None:
    """Delete what a kill left half written; the caller holds the writer's lock, so nobody is writing it now."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):  # It is in nobody's way, and somebody else may have been faster.
            leftover.unlink()
