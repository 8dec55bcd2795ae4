"""A new database out of a damaged one: every document whose text still fits its digest, and the names of the others.

Passages and derived rows are not taken over, since nothing says whether they are what was written: they are made anew
(``corpora.store.generations``). The new database is written beside the damaged one and put in its place when it is
whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from corpora.errors import LibraryBusy, LibraryError, NewerSchema
from corpora.recovery import page_carving
from corpora.recovery.open_files import processes_using
from corpora.store import checksum, index_files, locks, raw_file, records, schema
from corpora.store.atomic_write import UNFINISHED, remove_file, sync_folder

_COLUMNS: Final = (
    "id", "name", "digest", "text", "chars", "metadata", "added_at",
    "marks", "source_path", "source_bytes", "source_mtime_ns", "source_sha256",
)  # fmt: skip
_OLD_COLUMNS: Final = 7  # of them there were in format 1
_SOURCE: Final = _COLUMNS.index("source_path")
_MOST_PROBES: Final = 1_000_000
_ABOVE_ALL_ROWS: Final = 1 << 40  # where nobody knows which rows were given
_STATES: Final = ("build", "to_erase")  # settings that say nothing of a new database
_UNREADABLE = (sqlite3.Error, UnicodeError, OverflowError, MemoryError)


@dataclass(frozen=True, slots=True)
class LostDocument:
    """A document that could not be read, and the file that it came from, if that is known."""

    name: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """Names of what was saved and what was lost. Not ``is_complete``: there may have been others, of which nothing
    is known. ``kept`` is the damaged database, if it was kept."""

    saved: tuple[str, ...]
    lost: tuple[LostDocument, ...]
    is_complete: bool
    kept: Path | None

    @property
    def is_all(self) -> bool:
        """Whether it is known that nothing was lost."""
        return self.is_complete and not self.lost


@dataclass(slots=True)
class _Readable:
    """What can be read: documents by number, names of all that there should be, and what stands only once."""

    documents: dict[int, tuple[page_carving.Value, ...]] = field(default_factory=dict)
    names: dict[int, LostDocument] = field(default_factory=dict)
    settings: list[tuple[str, str]] = field(default_factory=list)
    last_row: int = _ABOVE_ALL_ROWS
    version: int = _ABOVE_ALL_ROWS
    generation: int = 0
    is_complete: bool = False


def recover(folder: Path, *, keep: bool | None = None) -> Recovered:
    """Replace the database of a corpus by one of what can be read. Nobody may have the corpus open, this process too.

    ``keep`` the damaged one or not; None: unless it is known that nothing was lost.
    Raises ``LibraryBusy``, ``NewerSchema``, ``LibraryError``; then the damaged one is where it was.
    """
    database = folder / schema.FILE_NAME
    with locks.WriterLock(folder / locks.WRITER_LOCK_FILE).held(schema.BUSY_TIMEOUT_S):
        if raw_file.is_open(database):
            raise _in_use(database)
        try:
            checksum.remove(folder)
            found = _read(database)
            done = _outcome(found)
            fresh = folder / f"{UNFINISHED}{secrets.token_hex(4)}-{schema.FILE_NAME}"
            try:
                _write(fresh, found)
                index_files.delete_all(folder)
                kept = _swap(fresh, database, keep=not done.is_all if keep is None else keep)
                checksum.write(folder, raw_file.digest(database))
            finally:
                for left in folder.glob(f"{fresh.name}*"):
                    left.unlink(missing_ok=True)
        except OSError as error:
            raise LibraryError(
                f"{database} could not be replaced: {error}", hint="check permissions and free space, then try again"
            ) from error
    return replace(done, kept=kept)


def _outcome(found: _Readable) -> Recovered:
    saved = {str(columns[1]) for columns in found.documents.values()}
    lost = {one.name: one for one in found.names.values() if one.name not in saved}
    return Recovered(tuple(sorted(saved)), tuple(lost[name] for name in sorted(lost)), found.is_complete, None)


def _in_use(database: Path) -> LibraryBusy:
    found = processes_using(database.with_name(database.name + ending) for ending in ("", "-wal", "-shm"))
    by = ", ".join(found) or "another program"
    return LibraryBusy(f"{database} is open in {by}", hint="close everything that uses the corpus, then try again")


def _read(database: Path) -> _Readable:
    """By way of SQLite as far as it goes; what it cannot reach is looked for in the bytes of the file."""
    found = _Readable()
    try:
        connection = schema.connect(database)
    except NewerSchema:
        raise
    except LibraryError:
        pass  # That is why we are here.
    else:
        with contextlib.closing(connection):
            _read_by_rows(connection, found)
    if not found.is_complete or found.names.keys() - found.documents.keys():
        for one in page_carving.documents(database.read_bytes()):
            if found.is_complete and one.number not in found.names:
                continue  # It was deleted; only its overwriting had not come to its end.
            found.names.setdefault(one.number, _lost(one.columns))
            if one.fits:
                found.documents.setdefault(one.number, one.columns)
    return found


def _read_by_rows(connection: sqlite3.Connection, found: _Readable) -> None:
    columns = _COLUMNS[:_OLD_COLUMNS] if schema.is_older(connection) else _COLUMNS
    found.names, found.is_complete = _names(connection, is_older=len(columns) == _OLD_COLUMNS)
    with contextlib.suppress(*_UNREADABLE):
        (found.version,) = connection.execute("SELECT version FROM state").fetchone()
    with contextlib.suppress(*_UNREADABLE):
        (found.generation,) = connection.execute("SELECT generation FROM state").fetchone()
    with contextlib.suppress(*_UNREADABLE):
        record = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
        found.last_row = record[0] if record else 0
    with contextlib.suppress(*_UNREADABLE):
        stored = connection.execute("SELECT key, value FROM settings").fetchall()
        found.settings = [(str(key), str(value)) for key, value in stored if key not in _STATES]
    query = f"SELECT {', '.join(columns)} FROM documents WHERE number = ?"
    for number in _candidates(connection, found):
        with contextlib.suppress(*_UNREADABLE):
            record = connection.execute(query, (number,)).fetchone()
            if record is not None:
                found.names.setdefault(number, _lost(record))
                if hashlib.sha256(record[3].encode()).digest() == record[2]:
                    found.documents[number] = tuple(record)


def _names(connection: sqlite3.Connection, *, is_older: bool) -> tuple[dict[int, LostDocument], bool]:
    """What indexes say there is, and whether one of them could be read to its end."""
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


def _candidates(connection: sqlite3.Connection, found: _Readable) -> Iterator[int]:
    """Numbers that documents may have: those that are known or, if an index broke off, all that were given."""
    if found.is_complete:
        yield from sorted(found.names)
        return
    last = max(found.names, default=0)
    with contextlib.suppress(*_UNREADABLE):
        (last,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'documents'").fetchone() or (last,)
    yield from range(1, min(int(last), _MOST_PROBES) + 1)


def _write(path: Path, found: _Readable) -> None:
    """The new database, whole and on the disk. Its rows and versions are above all that were given before."""
    schema.create(path)
    with schema.explained(path), contextlib.closing(schema.connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for number, values in sorted(found.documents.items()):
            names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
            query = f"INSERT OR IGNORE INTO documents (number, {names}) VALUES (?, {marks})"
            connection.execute(query, (number, *_sound(values)))
        connection.executemany("INSERT INTO settings (key, value) VALUES (?, ?)", found.settings)
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('passages', ?)", (found.last_row,))
        connection.execute("UPDATE state SET version = ?, generation = ?", (found.version + 1, found.generation + 1))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _sound(values: tuple[page_carving.Value, ...]) -> tuple[page_carving.Value, ...]:
    """The columns of a document of which only the text is known to be right: what cannot be read is left empty."""
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


def _swap(fresh: Path, database: Path, *, keep: bool) -> Path | None:
    """Put the new database in the place of the damaged one, whose log must not be taken for the new one's."""
    kept = _kept(database) if keep else None
    log = database.with_name(f"{database.name}-wal")
    if kept is not None and log.exists() and log.stat().st_size:
        log.replace(kept.with_name(f"{kept.name}-wal"))  # It may hold what the damaged one could not take in.
    for ending in ("-wal", "-shm"):
        remove_file(database.with_name(database.name + ending))
    fresh.replace(database)
    sync_folder(database.parent)
    return kept


def _kept(database: Path) -> Path:
    """The damaged database under a name that nothing had before."""
    stem, number = f"corpus.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}", 1
    kept = database.with_name(f"{stem}.sqlite")
    while kept.exists():
        number += 1
        kept = database.with_name(f"{stem}-{number}.sqlite")
    try:
        os.link(database, kept)  # It takes no room, and cannot be left half written.
    except OSError:  # a disk without such links
        shutil.copyfile(database, kept)
    os.chmod(kept, 0o600)
    return kept


def _lost(columns: tuple[page_carving.Value, ...]) -> LostDocument:
    source = columns[_SOURCE] if len(columns) > _SOURCE else None
    return LostDocument(str(columns[1]), None if source is None else str(source))
