"""Recovers a damaged database: a new one of every document whose text still matches its digest, and a list of the lost.

Passages and derived rows are not copied, since nothing proves that they are what was written: they are made anew
(``corpora.store.generations``). The new database is written beside the damaged one and replaces it when it is whole.

A database that is open somewhere is not replaced. ``processes_using`` names who has it open, where the system tells:
Linux does, for processes of the same user. Elsewhere no process is named, and nothing fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from corpora.errors import LibraryBusy, LibraryError, NewerSchema
from corpora.recovery import page_carving
from corpora.store import checksum, index_files, locks, raw_file, records, schema
from corpora.store.atomic_write import UNFINISHED, remove_file, sync_folder

_COLUMNS: Final = (
    "id", "name", "digest", "text", "chars", "metadata", "added_at",
    "marks", "source_path", "source_bytes", "source_mtime_ns", "source_sha256",
)  # fmt: skip
_OLD_COLUMNS: Final = 7  # the first of them, which format 1 had
_SOURCE: Final = _COLUMNS.index("source_path")
_MOST_PROBES: Final = 1_000_000
_ABOVE_ALL_ROWS: Final = 1 << 40  # where it is unknown which rows were used
_STATES: Final = ("build", "to_erase")  # settings that do not apply to a new database
_UNREADABLE = (sqlite3.Error, UnicodeError, OverflowError, MemoryError)
_LONGEST_COMMAND = 120
_PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class LostDocument:
    """A document that could not be read, and the file that it was read from, if that is known."""

    name: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """Names of the documents that were saved and of those lost. Not ``is_complete``: there may have been others, of
    which nothing is known. ``damaged_copy`` is where the damaged database was kept, if it was."""

    saved: tuple[str, ...]
    lost: tuple[LostDocument, ...]
    is_complete: bool
    damaged_copy: Path | None

    @property
    def is_all(self) -> bool:
        """Whether it is certain that nothing was lost."""
        return self.is_complete and not self.lost


@dataclass(slots=True)
class _Readable:
    """What can be read: documents by number, names of all that there should be, settings and counters."""

    documents: dict[int, tuple[page_carving.Value, ...]] = field(default_factory=dict)
    names: dict[int, LostDocument] = field(default_factory=dict)
    settings: list[tuple[str, str]] = field(default_factory=list)
    last_row: int = _ABOVE_ALL_ROWS
    version: int = _ABOVE_ALL_ROWS
    generation: int = 0
    is_complete: bool = False


def recover(folder: Path, *, keep: bool | None = None) -> Recovered:
    """Replace the database of a corpus by one of what can be read. No process may have the corpus open, nor this one.

    ``keep``: whether the damaged one is kept under another name; None: unless it is certain that nothing was lost.
    Raises ``LibraryBusy``, ``NewerSchema``, ``LibraryError``; then the damaged one is unchanged.
    """
    database = folder / schema.FILE_NAME
    with locks.WriterLock(folder / locks.WRITER_LOCK_FILE).held(schema.BUSY_TIMEOUT_S):
        if raw_file.is_open(database):
            raise _in_use(database)
        try:
            checksum.remove(folder)
            readable = _read(database)
            outcome = _outcome(readable)
            new = folder / f"{UNFINISHED}{secrets.token_hex(4)}-{schema.FILE_NAME}"
            try:
                _write(new, readable)
                index_files.delete_all(folder)
                damaged_copy = _swap(new, database, keep=not outcome.is_all if keep is None else keep)
                checksum.write(folder, raw_file.digest(database))
            finally:
                for leftover in folder.glob(f"{new.name}*"):
                    leftover.unlink(missing_ok=True)
        except OSError as error:
            raise LibraryError(
                f"{database} could not be replaced: {error}", hint="check permissions and free space, then try again"
            ) from error
    return replace(outcome, damaged_copy=damaged_copy)


def _outcome(readable: _Readable) -> Recovered:
    saved = {str(columns[1]) for columns in readable.documents.values()}
    lost = {document.name: document for document in readable.names.values() if document.name not in saved}
    return Recovered(tuple(sorted(saved)), tuple(lost[name] for name in sorted(lost)), readable.is_complete, None)


def _in_use(database: Path) -> LibraryBusy:
    processes = processes_using(database.with_name(database.name + ending) for ending in ("", "-wal", "-shm"))
    by = ", ".join(processes) or "another program"
    return LibraryBusy(f"{database} is open in {by}", hint="close everything that uses the corpus, then try again")


def _read(database: Path) -> _Readable:
    """Read through SQLite as far as possible; what it cannot reach is carved out of the bytes of the file."""
    readable = _Readable()
    try:
        connection = schema.connect(database)
    except NewerSchema:
        raise
    except LibraryError:
        pass  # a damaged header: carving needs none
    else:
        with contextlib.closing(connection):
            _read_by_rows(connection, readable)
    if not readable.is_complete or readable.names.keys() - readable.documents.keys():
        for carved in page_carving.documents(database.read_bytes()):
            if readable.is_complete and carved.number not in readable.names:
                continue  # It was deleted and not yet overwritten.
            readable.names.setdefault(carved.number, _lost(carved.columns))
            if carved.fits:
                readable.documents.setdefault(carved.number, carved.columns)
    return readable


def _read_by_rows(connection: sqlite3.Connection, readable: _Readable) -> None:
    columns = _COLUMNS[:_OLD_COLUMNS] if schema.is_older(connection) else _COLUMNS
    readable.names, readable.is_complete = _names(connection, is_older=len(columns) == _OLD_COLUMNS)
    with contextlib.suppress(*_UNREADABLE):
        (readable.version,) = connection.execute("SELECT version FROM state").fetchone()
    with contextlib.suppress(*_UNREADABLE):
        (readable.generation,) = connection.execute("SELECT generation FROM state").fetchone()
    with contextlib.suppress(*_UNREADABLE):
        record = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
        readable.last_row = record[0] if record else 0
    with contextlib.suppress(*_UNREADABLE):
        stored = connection.execute("SELECT key, value FROM settings").fetchall()
        readable.settings = [(str(key), str(value)) for key, value in stored if key not in _STATES]
    query = f"SELECT {', '.join(columns)} FROM documents WHERE number = ?"
    for number in _candidates(connection, readable):
        with contextlib.suppress(*_UNREADABLE):
            record = connection.execute(query, (number,)).fetchone()
            if record is not None:
                readable.names.setdefault(number, _lost(record))
                if hashlib.sha256(record[3].encode()).digest() == record[2]:
                    readable.documents[number] = tuple(record)


def _names(connection: sqlite3.Connection, *, is_older: bool) -> tuple[dict[int, LostDocument], bool]:
    """Names by document number as the indexes have them, and whether one index could be read to its end."""
    queries = ["SELECT number, name, NULL FROM documents INDEXED BY sqlite_autoindex_documents_2"]
    if not is_older:
        queries.append("SELECT number, name, source_path FROM documents INDEXED BY documents_by_source")
    names: dict[int, LostDocument] = {}
    is_complete = False
    for query in queries:
        with contextlib.suppress(*_UNREADABLE):
            for number, name, path in connection.execute(query):
                names[int(number)] = LostDocument(str(name), None if path is None else str(path))
            is_complete = True
    return names, is_complete


def _candidates(connection: sqlite3.Connection, readable: _Readable) -> Iterator[int]:
    """Numbers that documents may have: those that are known or, if no index is complete, all that were used."""
    if readable.is_complete:
        yield from sorted(readable.names)
        return
    last = max(readable.names, default=0)
    with contextlib.suppress(*_UNREADABLE):
        (last,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone() or (last,)
    yield from range(1, min(int(last), _MOST_PROBES) + 1)


def _write(path: Path, readable: _Readable) -> None:
    """Write the new database, forced to the disk. Its rows and versions are above all that were used before."""
    schema.create(path)
    with schema.explained(path), contextlib.closing(schema.connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for number, values in sorted(readable.documents.items()):
            names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
            query = f"INSERT OR IGNORE INTO documents (number, {names}) VALUES (?, {marks})"
            connection.execute(query, (number, *_sound(values)))
        connection.executemany("INSERT INTO settings (key, value) VALUES (?, ?)", readable.settings)
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('passages', ?)", (readable.last_row,))
        connection.execute(
            "UPDATE state SET version = ?, generation = ?", (readable.version + 1, readable.generation + 1)
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _sound(values: tuple[page_carving.Value, ...]) -> tuple[page_carving.Value, ...]:
    """The columns of a document of which only the text is known to be right: what does not parse is left empty."""
    row = dict(zip(_COLUMNS, values, strict=False))
    row["chars"] = len(str(row["text"]))
    try:
        records.metadata_from_json(str(row["metadata"]))
    except LibraryError:
        row["metadata"] = "{}"
    try:
        records.marks_from_json(str(row.get("marks", "[]")))
    except LibraryError:
        row["marks"] = "[]"
    try:
        datetime.fromisoformat(str(row["added_at"]))
    except ValueError:
        row["added_at"] = datetime.now(UTC).isoformat()
    source = [row.get(name) for name in _COLUMNS[_SOURCE:]]
    if not all(isinstance(value, kind) for value, kind in zip(source, (str, int, int, bytes), strict=True)):
        source = [None] * len(source)
    known = [row[name] for name in _COLUMNS[:_OLD_COLUMNS]]
    return (*known, row.get("marks", "[]"), *source)


def _swap(new: Path, database: Path, *, keep: bool) -> Path | None:
    """Replace the damaged database, whose write-ahead log must not be taken for the new one's."""
    damaged_copy = _copy_of_damaged(database) if keep else None
    log = database.with_name(f"{database.name}-wal")
    if damaged_copy is not None and log.exists() and log.stat().st_size:
        log.replace(damaged_copy.with_name(f"{damaged_copy.name}-wal"))  # It may hold what the damaged one lacks.
    for ending in ("-wal", "-shm"):
        remove_file(database.with_name(database.name + ending))
    new.replace(database)
    sync_folder(database.parent)
    return damaged_copy


def _copy_of_damaged(database: Path) -> Path:
    """Keep the damaged database under a new name; its path."""
    stem, number = f"corpus.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}", 1
    damaged_copy = database.with_name(f"{stem}.sqlite")
    while damaged_copy.exists():
        number += 1
        damaged_copy = database.with_name(f"{stem}-{number}.sqlite")
    try:
        os.link(database, damaged_copy)  # A link takes no room, and cannot be left half written.
    except OSError:  # a disk without such links
        shutil.copyfile(database, damaged_copy)
    os.chmod(damaged_copy, 0o600)
    return damaged_copy


def _lost(columns: tuple[page_carving.Value, ...]) -> LostDocument:
    source = columns[_SOURCE] if len(columns) > _SOURCE else None
    return LostDocument(str(columns[1]), None if source is None else str(source))


def processes_using(paths: Iterable[Path]) -> list[str]:
    """``process 12 (spandraft serve)`` for each process that has one of these files open."""
    real_paths = {os.path.realpath(path) for path in paths}
    try:
        numbers = sorted(int(entry.name) for entry in _PROCESSES.iterdir() if entry.name.isdecimal())
    except OSError:
        return []
    return [_named(number) for number in numbers if _has_open(number, real_paths)]


def _has_open(number: int, real_paths: set[str]) -> bool:
    with contextlib.suppress(OSError), os.scandir(_PROCESSES / str(number) / "fd") as handles:  # It may have ended.
        for handle in handles:
            with contextlib.suppress(OSError):  # It has just been closed.
                if os.readlink(handle.path) in real_paths:
                    return True
    return False


def _named(number: int) -> str:
    if number == os.getpid():
        return f"this process ({number})"
    with contextlib.suppress(OSError):
        words = (_PROCESSES / str(number) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        command = " ".join(word for word in words if word)
        if command:
            return f"process {number} ({command[:_LONGEST_COMMAND]})"
    return f"process {number}"
