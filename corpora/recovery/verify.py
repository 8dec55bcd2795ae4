"""Verifies that a corpus on disk is what was written. Each finding names the file, the cause and the command to run.

A database at rest has a stored checksum, which proves every byte. One that a process is writing, or that a kill left,
has none: then SQLite's integrity check runs, and each text is compared with its digest, each passage with its text.
Reads only. Knows nothing of what derived rows mean.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from corpora.counts import count
from corpora.documents import Document, Passage
from corpora.errors import LibraryError
from corpora.store import checksum, index_files, raw_file, records, schema
from corpora.store.corpus_names import in_shell
from corpora.text.chunking import Chunking

Proof: TypeAlias = Literal["seal", "rows"]
_ENOUGH: Final = 20  # findings of one kind; a damaged page spoils many rows
_VECTORS: Final = "vectors:"  # Kinds that begin so are needed by every search, and have rows of one size.
_READ_ERRORS = (LibraryError, sqlite3.Error, ValueError, TypeError, KeyError, OverflowError, MemoryError)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not what was written: the file, the cause, and what to do about it."""

    file: Path
    cause: str
    hint: str


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and what proved the database: its stored checksum (``seal``), or its ``rows`` only."""

    findings: tuple[Finding, ...]
    proof: Proof


Checker: TypeAlias = Callable[[Path], Iterable[Finding]]


def verify(folder: Path, *, checkers: Sequence[Checker] = ()) -> list[Finding]:
    """Check all files of a corpus; empty if they are what was written. ``checkers`` check files of other floors."""
    return list(examine(folder, checkers=checkers).findings)


def examine(folder: Path, *, checkers: Sequence[Checker] = ()) -> Report:
    """As ``verify``, and says what proved the database."""
    database = folder / schema.FILE_NAME
    findings, proof = _check_checksum(folder, database)
    if not any(finding.file == database for finding in findings):
        findings += _check_rows(database)
    findings += [Finding(problem.file, problem.cause, problem.hint) for problem in index_files.verify(folder)]
    for check in checkers:
        findings += check(folder)
    return Report(tuple(findings), proof)


def _check_checksum(folder: Path, database: Path) -> tuple[list[Finding], Proof]:
    """Compare the database with its checksum, unless a writer removes that meanwhile."""
    try:
        stored = checksum.read(folder)
        if stored is None:
            return [], "rows"
        actual = raw_file.digest(database)
        log = database.with_name(f"{database.name}-wal")
        logged = log.stat().st_size if log.exists() else 0
        if (actual == stored and not logged) or checksum.read(folder) != stored:
            return [], "seal" if actual == stored else "rows"
    except checksum.BrokenChecksum as error:
        hint = f"run `spandraft corpus rebuild {in_shell(folder.name)}`, which sets it anew"
        return [
            Finding(folder / checksum.FILE_NAME, f"{folder / checksum.FILE_NAME} is damaged: {error}", hint)
        ], "rows"
    except OSError as error:
        return [Finding(database, f"{database} cannot be read: {error}", schema.remedy(database))], "rows"
    if actual.bytes != stored.bytes:
        why = f"it has {count(actual.bytes, 'byte')} and was left with {stored.bytes:,}"
    elif actual != stored:
        why = "its bytes are not those that were written (SHA-256)"
    else:
        why = "something was written to it in another way"
    return [Finding(database, f"{database} is damaged: {why}", schema.remedy(database))], "seal"


def _check_rows(database: Path) -> list[Finding]:
    """SQLite's integrity check, then the rows; of an older format only the former."""
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
    except _READ_ERRORS as error:
        findings.append(Finding(database, f"{database} is damaged: {_cause(error)}", schema.remedy(database)))
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
    """Compare each text with its digest and its length, each passage with its text."""
    query = "SELECT number, id, name, text, digest, chars, metadata, marks, added_at FROM documents ORDER BY number"
    for number, document_id, name, text, digest, chars, metadata, marks, _ in connection.execute(query):
        try:
            if hashlib.sha256(text.encode()).digest() != digest or len(text) != chars:
                yield f"the text of {name} is not what was written", None
                continue
            document = Document(
                document_id, name, text, records.metadata_from_json(metadata), records.marks_from_json(marks)
            )
            for why in _passages(connection, number, document):
                yield why, None
        except _READ_ERRORS as error:
            yield f"{name} cannot be read: {_cause(error)}", None


def _cause(error: BaseException) -> str:
    return error.cause if isinstance(error, LibraryError) else str(error)


def _passages(connection: sqlite3.Connection, number: int, document: Document) -> Iterator[str]:
    query = "SELECT start_offset, end_offset, text, marks FROM passages WHERE document = ?"
    for start, end, text, marks in connection.execute(query, (number,)):
        if not 0 <= start < end <= len(document.text) or document.text[start:end] != text:
            yield f"a passage of {document.name} is not what its text says"
        elif Passage.of(document, start, end).marks != records.marks_from_json(marks):
            yield f"a passage of {document.name} does not know its place"


def _derived(connection: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    """Every current passage has a vector, all of one size. Other kinds of rows are computed on first use."""
    files = connection.execute("PRAGMA database_list").fetchall()
    hint = f"run `spandraft corpus rebuild {in_shell(Path(files[0][2]).parent.name)}`"
    current = f"SELECT row FROM passages WHERE generation = {records.CURRENT_GENERATION}"
    (passages,) = connection.execute(f"SELECT count(*) FROM ({current})").fetchone()
    query = (
        "SELECT kind, count(*), min(length(value)), max(length(value)) FROM derived "
        f"WHERE row IN ({current}) AND kind >= '{_VECTORS}' AND kind < '{_VECTORS[:-1]};' GROUP BY kind"
    )
    for kind, rows, shortest, longest in connection.execute(query):
        if rows != passages:
            missing = passages - rows
            has = "has" if missing == 1 else "have"
            yield f"{missing:,} of {count(passages, 'passage')} {has} no row of {kind}", hint
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
        yield f"it has {count(len(rows), 'state')} instead of one", None
    query = "SELECT count(*) FROM removals WHERE row IN (SELECT row FROM passages)"
    (risen,) = connection.execute(query).fetchone()
    if risen:
        was, are = ("was", "is") if risen == 1 else ("were", "are")
        yield f"{count(risen, 'passage')} {was} removed and {are} there", None
