"""The database of one corpus: its tables, its version number, and how a connection to it is set up.

Passage rows are never used twice (AUTOINCREMENT), so an index can name the last row it holds. ``removals`` keeps
the rows that went, by the version in which they went. Text is only in ``documents`` and ``passages``; what
``derived`` holds is not known here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from corpora.errors import DamagedLibrary, LibraryBusy, LibraryError, NewerSchema

SCHEMA_VERSION = 1
FILE_NAME = "corpus.sqlite"
BUSY_TIMEOUT_S = 30.0
_APPLICATION_ID = 0x53704472  # "SpDr"

_TABLES = """
CREATE TABLE documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    text TEXT NOT NULL,
    chars INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    added_at TEXT NOT NULL
) STRICT;
CREATE INDEX documents_by_digest ON documents (digest);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
    start_offset INTEGER NOT NULL,
    end_offset INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document);
CREATE TABLE derived (
    kind TEXT NOT NULL,
    row INTEGER NOT NULL REFERENCES passages (row) ON DELETE CASCADE,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, row)
) STRICT;
CREATE INDEX derived_by_row ON derived (row);
CREATE TABLE removals (row INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT;
CREATE INDEX removals_by_version ON removals (version);
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE state (version INTEGER NOT NULL) STRICT;
INSERT INTO state (version) VALUES (0);
"""


def create(path: Path) -> None:
    """Write a new, empty database. Raises ``LibraryError``."""
    with explained(path):
        connection = _connected(path, "rwc")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA_VERSION};")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute("COMMIT")
        finally:
            connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open a database that is there. Raises ``NewerSchema``, ``DamagedLibrary``."""
    with explained(path):
        connection = _connected(path, "rw")
        try:
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into an error with a remedy."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours, of which no user can remedy anything
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LibraryBusy(
                f"another process has been writing to {path} for {BUSY_TIMEOUT_S:g} s",
                hint="wait for it, then try again",
            ) from error
        if code == sqlite3.SQLITE_FULL:
            raise LibraryError(
                f"there is no room left on the disk for {path}",
                hint="free some space, then try again; nothing was lost",
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, str(error)) from error
        raise LibraryError(f"{path}: {error}", hint="check that the folder is there and may be written to") from error


def _connected(path: Path, mode: Literal["rw", "rwc"]) -> sqlite3.Connection:
    """Connections wander between threads, one at a time; transactions are opened by us. ``c`` creates the file."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    for pragma in ("foreign_keys = ON", "secure_delete = ON", "synchronous = FULL", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != _APPLICATION_ID or version < 1:
        raise _damaged(path, "it is not a corpus of Spandraft")
    if version > SCHEMA_VERSION:
        raise NewerSchema(
            f"{path} was written by a later version of Spandraft (format {version}, this one reads {SCHEMA_VERSION})",
            hint="upgrade spandraft, or move that folder away and add the files again",
        )


def _damaged(path: Path, why: str) -> DamagedLibrary:
    return DamagedLibrary(
        f"{path} is damaged: {why}",
        hint="restore the folder from a backup, or remove the corpus and add the files again",
    )
