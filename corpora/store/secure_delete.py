"""Secure deletion: no byte of a deleted text stays in the folder, and a database at rest gets its stored checksum.

A removal sets a flag in the settings, in its own transaction, so that a kill delays erasing and does not lose it.
Readers that need old pages delay it, too: the next write, or whoever closes the corpus next, does it. Knows nothing of
what the rows mean.
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

from corpora.counts import count
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
    """Flag, inside the transaction that deletes, that there is text to erase."""
    records.set_setting(connection, _TO_ERASE, "yes")


def is_erase_pending(connections: Connections) -> bool:
    """Whether deleted text may still be somewhere in the database's files."""
    with connections.reading() as connection:
        return records.setting(connection, _TO_ERASE) is not None


def erase(connections: Connections, *, wait_s: float = READER_WAIT_S) -> bool:
    """Overwrite all that was deleted. False if that was not possible in this time: then it is still pending.

    The writer's lock is only held for a moment at a time, so that others can write while this waits for readers. If
    another process erases first, this is done, too.
    """
    try:
        return _retry(lambda left_s: _try_erase_once(connections, left_s), wait_s)
    except OSError:
        return False


def try_erase(connections: Connections) -> None:
    """After a write: erase what is pending from before, unless a reader or writer is in the way."""
    with contextlib.suppress(LibraryError):  # The write is done; if this fails, erasing stays pending.
        erase(connections, wait_s=0.0)


def compact(connections: Connections, *, wait_s: float = READER_WAIT_S) -> bool:
    """Erase what was deleted, and vacuum where many pages are free. False if a reader needed old pages."""
    with connections.exclusive():
        with connections.writing() as connection:
            request_erase(connection)
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            (count,) = connection.execute("PRAGMA page_count").fetchone()
        if free > _FEW_PAGES and free > _WORTH_SHRINKING * count:
            connections.vacuum()
    return erase(connections, wait_s=wait_s)


def checkpoint(connections: Connections, *, wait_s: float = READER_WAIT_S) -> bool:
    """Bring everything into the one file of the database and store its checksum; the next writer removes it.

    False if that is not possible now: another process is writing, a reader needs old pages, the disk is full.
    """
    until = time.monotonic() + wait_s
    try:
        return erase(connections, wait_s=wait_s) and _retry(
            lambda left_s: _try_checkpoint(connections, left_s), until - time.monotonic()
        )
    except (LibraryBusy, OSError):
        return False


def _retry(attempt: Callable[[float], bool], wait_s: float) -> bool:
    """Retry until it works or the time is up; each attempt gets the seconds it may wait for other writers."""
    until, pause_s = time.monotonic() + wait_s, _FIRST_PAUSE_S
    while not attempt(max(0.0, until - time.monotonic())):
        left_s = until - time.monotonic()
        if left_s <= 0:
            return False
        time.sleep(min(left_s, pause_s * random.uniform(0.5, 1.0)))  # Waiting processes must not wake in step.
        pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)
    return True


def _try_erase_once(connections: Connections, left_s: float) -> bool:
    """Whether nothing is pending: erased now, or by another process. Raises OSError if retrying would not help."""
    if not is_erase_pending(connections):
        return True
    if not connections.checkpoint_passively():
        return False
    try:
        with connections.exclusive(left_s):
            return not is_erase_pending(connections) or _erase_exclusively(connections)
    except LibraryBusy:
        return False


def _erase_exclusively(connections: Connections) -> bool:
    """Inside ``exclusive``: erase, unless a reader needs old pages at this moment.

    The write-ahead log is emptied before and after, since it may hold copies of what is overwritten.
    """
    clear_leftovers(connections.path.parent)
    if not connections.truncate_log(0.0):
        return False
    connections.close_idle()  # Their page caches may hold copies, which would be written again.
    with connections.writing() as connection:
        raw_file.zero_unused(connections.path, lock=connections.writer_lock.handle())
        records.set_setting(connection, _TO_ERASE, None)  # A commit, so that other processes drop their caches, too.
    connections.close_idle()
    connections.truncate_log(0.0)
    return True


def _try_checkpoint(connections: Connections, left_s: float) -> bool:
    """Whether everything could be brought into the database, and the checksum stored, now."""
    if not connections.checkpoint_passively():
        return False
    with connections.exclusive(left_s):
        if is_erase_pending(connections) or not connections.truncate_log(0.0):
            return False
        checksum.write(connections.path.parent, raw_file.digest(connections.path))
        connections.has_written = False
    return True


def check_at_rest(folder: Path) -> None:
    """Compare a database at rest with its checksum before it is opened. Raises ``DamagedLibrary``.

    Of a database over 64 MiB only the size is compared: hashing it would delay opening, and ``verify`` does it.
    """
    database = folder / schema.FILE_NAME
    try:
        stored = checksum.read(folder)
        if stored is None:
            return
        why = None
        size = os.stat(database).st_size
        if size != stored.bytes:
            why = f"it has {count(size, 'byte')} and was left with {stored.bytes:,}"
        elif size <= _CHECKED_WHOLE_BYTES and raw_file.digest(database) != stored:
            why = "its bytes are not those that were written (SHA-256)"
        if why is not None and checksum.read(folder) == stored:  # Otherwise a process has begun to write.
            raise schema.damaged(database, why)
    except (checksum.BrokenChecksum, OSError):
        return  # ``verify`` reports this; the rows may be sound.


def clear_leftovers(folder: Path) -> None:
    """Delete what a kill left half written; the caller holds the writer's lock, so nobody is writing it now."""
    for leftover in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):  # It does no harm, and another process may have been faster.
            leftover.unlink()
