"""A pool of connections to one database, each used by one thread at a time.

A thread inside a snapshot or a transaction gets the same connection for everything it does there. A writer holds the
writer's lock, and has deleted the stored checksum before.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corpora.errors import LibraryError
from corpora.store import checksum, locks, schema

_PAUSE_S = 0.01


class Connections:
    """Readers never wait: the write-ahead log shows each the last commit before it began. One writer at a time."""

    def __init__(self, path: Path, *, busy_timeout_s: float | None = None) -> None:
        """``busy_timeout_s``: how long a writer waits for another, by default ``schema.BUSY_TIMEOUT_S``."""
        self.path = path
        self.writer_lock = locks.WriterLock(path.with_name(locks.WRITER_LOCK_FILE))
        self.has_written = False
        self._busy_timeout_s = busy_timeout_s
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._per_thread = threading.local()
        self._closed = False
        self._process = os.getpid()
        self._inherited: list[sqlite3.Connection] = []

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: all reads inside see one state. May be nested."""
        if (current := self._current()) is not None:
            with schema.explained(self.path):
                yield current
            return
        with self._borrowed() as connection, schema.explained(self.path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")  # nothing was written; this only lets the snapshot go

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed on leaving, rolled back if anything is raised. Not inside ``reading``.

        Raises ``LibraryBusy`` with the name of the process that is writing.
        """
        if self._current() is not None:
            raise RuntimeError("a write inside a snapshot could not be seen by it")
        with self.exclusive(), self._borrowed() as connection, schema.explained(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def exclusive(self, timeout_s: float | None = None) -> Iterator[None]:
        """Hold the writer's lock: nobody else writes inside. May be nested, also with ``writing``.

        Raises ``LibraryBusy``.
        """
        with self.writer_lock.held(self._timeout_s() if timeout_s is None else timeout_s):
            try:
                checksum.remove(self.path.parent)
            except OSError as error:
                raise LibraryError(
                    f"{self.path.parent} cannot be written to: {error.strerror}", hint="check its permissions"
                ) from error
            self.has_written = True
            yield

    def checkpoint_passively(self) -> bool:
        """Copy the write-ahead log into the database as far as readers allow; whether all of it is copied.

        Blocks nobody and needs no lock. From then on readers do without the log, until the next write.
        """
        with self._borrowed() as connection, schema.explained(self.path):
            (is_busy, frames, copied) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return not is_busy and frames == copied

    def truncate_log(self, wait_s: float) -> bool:
        """Copy the write-ahead log into the database and empty it; False if a reader needed it all the time."""
        deadline = time.monotonic() + wait_s
        while True:
            with self._borrowed() as connection, schema.explained(self.path):
                connection.execute("PRAGMA busy_timeout = 0")
                try:
                    (is_busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    connection.execute(f"PRAGMA busy_timeout = {schema.BUSY_TIMEOUT_S * 1000:.0f}")
            if not is_busy:
                return self._sync_log()
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)

    def _sync_log(self) -> bool:
        """SQLite does not force the truncation to the disk: a loss of power could bring back what was in the log."""
        try:
            with self.path.with_name(f"{self.path.name}-wal").open("r+b", buffering=0) as log:
                os.fsync(log.fileno())
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def vacuum(self) -> None:
        """Rewrite the database without its free pages."""
        with self._borrowed() as connection, schema.explained(self.path):
            connection.execute("VACUUM")

    def close_idle(self) -> None:
        """Close idle connections, so that none keeps old pages in memory."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close idle connections; one that is in use is closed when its thread is done with it."""
        with self._lock:
            self._closed = True
        self.close_idle()

    def _timeout_s(self) -> float:
        return schema.BUSY_TIMEOUT_S if self._busy_timeout_s is None else self._busy_timeout_s

    def _current(self) -> sqlite3.Connection | None:
        connection: sqlite3.Connection | None = getattr(self._per_thread, "connection", None)
        return connection

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        self._detect_fork()
        with self._lock:
            if self._closed:
                raise LibraryError(f"{self.path} was closed", hint="open the corpus again")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._opened()
        outer, self._per_thread.connection = self._current(), connection
        try:
            yield connection
        finally:
            self._per_thread.connection = outer
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    connection = None
            if connection is not None:
                connection.close()

    def _opened(self) -> sqlite3.Connection:
        connection = schema.connect(self.path)
        try:
            if schema.is_older(connection):
                with self.exclusive():
                    schema.migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _detect_fork(self) -> None:
        """A forked child must neither use nor close the connections of its parent."""
        if os.getpid() != self._process:
            self._process = os.getpid()
            self._inherited += self._idle
            self._idle = []
            self._lock = threading.Lock()
            self._per_thread = threading.local()
