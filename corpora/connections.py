"""Connections to one database: lent to one thread at a time, taken back, and used again.

A thread inside a snapshot or a transaction gets the same connection for everything it does there.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corpora import schema
from corpora.errors import LibraryError

_FORGET_TIMEOUT_MS = 1000


class Connections:
    """Readers never wait: WAL shows each the last commit before it began. One writer at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._mine = threading.local()
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """All reads inside see one and the same state. May be nested."""
        if (current := self._current()) is not None:
            with schema.explained(self.path):
                yield current
            return
        with self._lent() as connection, schema.explained(self.path):
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")  # nothing was written; this only lets the snapshot go

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: committed on leaving, rolled back if anything is raised. Not inside ``reading``."""
        if self._current() is not None:
            raise RuntimeError("a write inside a snapshot could not be seen by it")
        with self._write_lock, self._lent() as connection, schema.explained(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def forget_deleted(self) -> None:
        """Empty the write-ahead log, so that no copy of deleted text stays there. A long snapshot puts it off."""
        with self._lent() as connection, schema.explained(self.path):
            connection.execute(f"PRAGMA busy_timeout = {_FORGET_TIMEOUT_MS}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute(f"PRAGMA busy_timeout = {schema.BUSY_TIMEOUT_S * 1000:.0f}")

    def close(self) -> None:
        """Close what is idle; a connection that is out is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _current(self) -> sqlite3.Connection | None:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        return connection

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._closed:
                raise LibraryError(f"{self.path} was closed", hint="open the corpus again")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = schema.connect(self.path)
        self._mine.connection = connection
        try:
            yield connection
        finally:
            self._mine.connection = None
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    connection = None
            if connection is not None:
                connection.close()
