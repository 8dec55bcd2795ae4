"""Is a corpus on disk what was written? Every finding names the file, the cause, and the command that puts it right.

A database at rest is sealed: then every byte is proved by its SHA-256. One that somebody is writing, or that was left
by a kill, has no seal: then SQLite's own checks and the rows speak, each text against its digest and each passage
against its text. Reads only. Knows nothing of what derived rows mean.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from corpora.documents import Document, Passage
from corpora.errors import LibraryError
from corpora.store import checksum, index_files, raw_file, records, schema
from corpora.text.chunking import Chunking

Proof: TypeAlias = Literal["seal", "rows"]
_ENOUGH: Final = 20  # findings of one kind; a damaged page spoils many rows
_VECTORS: Final = "vectors:"  # Kinds that begin so are needed by every search, and have rows of one size.
_LATER: Final = "tokens:"  # kinds that begin so are computed when they are first asked for
_SPOILT = (LibraryError, sqlite3.Error, ValueError, TypeError, KeyError, OverflowError, MemoryError)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not what was written: in which file, what, and what to do about it."""

    file: Path
    cause: str
    hint: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, nothing if all is well, and by what the database was proved: its seal, or only its rows."""

    findings: tuple[Finding, ...]
    proof: Proof


Checker: TypeAlias = Callable[[Path], Iterable[Finding]]


def verify(folder: Path, *, checkers: Sequence[Checker] = ()) -> list[Finding]:
    """Check all files of a corpus; empty if they are what was written. ``checkers`` look at files of other floors."""
    return list(examine(folder, checkers=checkers).findings)


def examine(folder: Path, *, checkers: Sequence[Checker] = ()) -> Report:
    """As ``verify``, and says by what the database was proved."""
    database = folder / schema.FILE_NAME
    findings, proof = _by_seal(folder, database)
    if not any(one.file == database for one in findings):
        findings += _by_rows(database)
    findings += [Finding(one.file, one.cause, one.hint) for one in index_files.verify(folder)]
    for check in checkers:
        findings += check(folder)
    return Report(tuple(findings), proof)


def _by_seal(folder: Path, database: Path) -> tuple[list[Finding], Proof]:
    """Compare the database with its seal, unless somebody takes that off meanwhile to write."""
    try:
        sealed = checksum.read(folder)
        if sealed is None:
            return [], "rows"
        found = raw_file.digest(database)
        log = database.with_name(f"{database.name}-wal")
        logged = log.stat().st_size if log.exists() else 0
        if (found == sealed and not logged) or checksum.read(folder) != sealed:
            return [], "seal" if found == sealed else "rows"
    except checksum.BrokenChecksum as error:
        hint = f"run `spandraft corpus rebuild {folder.name}`, which sets it anew"
        return [
            Finding(folder / checksum.FILE_NAME, f"{folder / checksum.FILE_NAME} is damaged: {error}", hint)
        ], "rows"
    except OSError as error:
        return [Finding(database, f"{database} cannot be read: {error}", schema.remedy(database))], "rows"
    if found.bytes != sealed.bytes:
        why = f"it has {found.bytes} bytes and was left with {sealed.bytes}"
    elif found != sealed:
        why = "its bytes are not those that were written (SHA-256)"
    else:
        why = "something was written to it in another way"
    return [Finding(database, f"{database} is damaged: {why}", schema.remedy(database))], "seal"


def _by_rows(database: Path) -> list[Finding]:
    """What SQLite and the rows themselves say. A database of an older format is only asked whether it is whole."""
    findings: list[Finding] = []
    try:
        connection = schema.connect(database)
    except LibraryError as error:
        return [Finding(database, error.cause, error.hint)]
    try:
        connection.execute("BEGIN")
        checks = [_structure] if schema.is_older(connection) else [_structure, _documents, _derived, _settings]
        for check in checks:
            for count, (why, hint) in enumerate(check(connection)):
                if count < _ENOUGH:
                    findings.append(Finding(database, f"{database}: {why}", hint or schema.remedy(database)))
    except _SPOILT as error:
        findings.append(Finding(database, f"{database} is damaged: {error}", schema.remedy(database)))
    finally:
        connection.close()
    return findings


def _structure(connection: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({_ENOUGH})"):
        if line != "ok":
            yield line, None
    for table, *_ in connection.execute("PRAGMA foreign_key_check"):
        yield f"a row of {table} belongs to nothing", None


def _documents(connection: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    """Each text against its digest and its length, each passage against its text."""
    query = "SELECT number, id, name, text, digest, chars, metadata, marks, added_at FROM documents ORDER BY number"
    for number, document_id, name, text, digest, chars, metadata, marks, _ in connection.execute(query):
        try:
            if hashlib.sha256(text.encode()).digest() != digest or len(text) != chars:
                yield f"the text of {name} is not what was written", None
                continue
            kept = records.metadata_from_json(metadata)
            document = Document(document_id, name, text, kept, records.marks_from_json(marks))
            for why in _passages(connection, number, document):
                yield why, None
        except _SPOILT as error:
            yield f"{name} cannot be read: {error}", None


def _passages(connection: sqlite3.Connection, number: int, document: Document) -> Iterator[str]:
    query = "SELECT start_offset, end_offset, text, marks FROM passages WHERE document = ?"
    for start, end, text, marks in connection.execute(query, (number,)):
        if not 0 <= start < end <= len(document.text) or document.text[start:end] != text:
            yield f"a passage of {document.name} is not what its text says"
        elif Passage.of(document, start, end).marks != records.marks_from_json(marks):
            yield f"a passage of {document.name} does not know its place"


def _derived(connection: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    """Every passage that is seen has a vector, all of one size. Other kinds are made when they are first asked for."""
    files = connection.execute("PRAGMA database_list").fetchall()
    hint = f"run `spandraft corpus rebuild {Path(files[0][2]).parent.name}`"
    seen = f"SELECT row FROM passages WHERE generation = {records.CURRENT_GENERATION}"
    (passages,) = connection.execute(f"SELECT count(*) FROM ({seen})").fetchone()
    query = (
        "SELECT kind, count(*), min(length(value)), max(length(value)) FROM derived "
        f"WHERE row IN ({seen}) AND kind >= '{_VECTORS}' AND kind < '{_VECTORS[:-1]};' GROUP BY kind"
    )
    for kind, count, shortest, longest in connection.execute(query):
        if count != passages:
            yield f"{passages - count} of {passages} passages have no row of {kind}", hint
        if shortest != longest:
            yield f"rows of {kind} have {shortest} to {longest} bytes", hint


def _settings(connection: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    try:
        stored = records.setting(connection, records.CHUNKING)
        if stored is not None:
            Chunking(**json.loads(stored))
    except (ValueError, TypeError) as error:
        yield f"its chunking cannot be read: {error}", None
    rows = connection.execute("SELECT version, generation FROM state").fetchall()
    if len(rows) != 1:
        yield f"it has {len(rows)} states instead of one", None
    query = "SELECT count(*) FROM removals WHERE row IN (SELECT row FROM passages)"
    (risen,) = connection.execute(query).fetchone()
    if risen:
        yield f"{risen} passages were removed and are there", None
