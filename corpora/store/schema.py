"""The database of one corpus: its tables, its version number, and how a connection to it is set up.

Passage rows are never used twice (AUTOINCREMENT), so that an index can name the last row it holds. ``removals`` lists
deleted rows by the version that deleted them. Text is only in ``documents`` and ``passages``; what ``derived`` holds is
not known here. Passages of another generation than the one in ``state`` are being built, and invisible. A database of
format 1 is migrated to format 2 when it is opened.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from corpora.errors import DamagedLibrary, LibraryBusy, LibraryError, NewerSchema
from corpora.store.corpus_names import in_shell

SCHEMA_VERSION = 2
FILE_NAME = "corpus.sqlite"
BUSY_TIMEOUT_S = 30.0
_DAMAGE_MESSAGES = ("no such", "malformed", "Could not decode", "unknown error", "near ")  # what damaged tables lead to
_APPLICATION_ID = 0x53704472  # "SpDr"

_TABLES_1 = """
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
# What format 2 adds. ``source_*`` is the file that a document was read from, as it was then; times in ns, sizes in
# bytes. A job is a list of files on their way in; the states and outcomes of files are those of
# ``corpora.jobs.job_records``. Indexes cover all columns that a list shows: columns behind a text are slow to read.
_TABLES_2 = """
ALTER TABLE documents ADD COLUMN marks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE documents ADD COLUMN source_path TEXT;
ALTER TABLE documents ADD COLUMN source_bytes INTEGER;
ALTER TABLE documents ADD COLUMN source_mtime_ns INTEGER;
ALTER TABLE documents ADD COLUMN source_sha256 BLOB;
CREATE INDEX documents_by_source ON documents (source_path, source_bytes, source_mtime_ns, source_sha256, id, name);
CREATE INDEX documents_by_list ON documents (name, id, chars, added_at);
ALTER TABLE passages ADD COLUMN marks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE passages ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
DROP INDEX passages_by_document;
CREATE INDEX passages_by_document ON passages (document, generation);
CREATE INDEX passages_by_generation ON passages (generation);
ALTER TABLE state ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    wanted TEXT NOT NULL DEFAULT 'run',
    paths TEXT NOT NULL,
    staging TEXT,
    created_at TEXT NOT NULL,
    finished_at TEXT,
    busy_s REAL NOT NULL DEFAULT 0,
    holder TEXT,
    cause TEXT,
    hint TEXT
) STRICT;
CREATE TABLE job_files (
    job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    member TEXT,
    bytes INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'queued',
    outcome TEXT,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    document TEXT,
    cause TEXT,
    hint TEXT,
    PRIMARY KEY (job, number)
) STRICT;
CREATE INDEX job_files_by_state ON job_files (job, state, outcome, bytes, done, total);
"""


def create(path: Path) -> None:
    """Create an empty database that only its owner may read. Raises ``LibraryError``."""
    with explained(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite copies the mode.
        connection = _connected(path)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {_TABLES_1} {_TABLES_2} PRAGMA user_version = {SCHEMA_VERSION};")
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute("COMMIT")
        finally:
            connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing database of this format or an older one. Raises ``NewerSchema``, ``DamagedLibrary``."""
    with explained(path):
        connection = _connected(path)
        try:
            _checked_version(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def is_older(connection: sqlite3.Connection) -> bool:
    """Whether the database must be migrated before anything else."""
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA_VERSION)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate a database of format 1 to format 2, all or nothing; a second process finds it done."""
    with explained(path):
        with contextlib.suppress(OSError):  # It may be another user's; it is migrated all the same.
            path.chmod(0o600)
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _checked_version(connection, path) < SCHEMA_VERSION:
                for statement in _TABLES_2.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into a ``LibraryError`` with a remedy."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a defect of this code, which no user can remedy
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
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or str(error).startswith(_DAMAGE_MESSAGES):
            raise damaged(path, str(error)) from error
        raise LibraryError(f"{path}: {error}", hint="check that the folder is there and may be written to") from error


def _connected(path: Path) -> sqlite3.Connection:
    """Connections move between threads, one at a time; transactions are begun explicitly. No file is created."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    for pragma in ("foreign_keys = ON", "secure_delete = ON", "synchronous = FULL", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != _APPLICATION_ID or version < 1:
        raise damaged(path, "it is not a corpus of Spandraft")
    if version > SCHEMA_VERSION:
        raise NewerSchema(
            f"{path} was written by a later version of Spandraft (format {version}, this one reads {SCHEMA_VERSION})",
            hint="upgrade spandraft, or move that folder away and add the files again",
        )
    return int(version)


def damaged(path: Path, why: str) -> DamagedLibrary:
    """The error for a database that is not what was written."""
    return DamagedLibrary(f"{path} is damaged: {why}", hint=remedy(path))


def remedy(path: Path) -> str:
    """What to do about a damaged database."""
    name = in_shell(path.parent.name)
    return f"run `spandraft corpus rebuild {name} --salvage`, or bring the corpus back from a backup or an export"
