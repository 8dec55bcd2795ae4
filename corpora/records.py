"""Rows of the database as values of this floor, and back. Runs inside transactions that others open."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from corpora.documents import Document, Mark, Passage
from corpora.errors import DocumentNotFound, UnstorableDocument, nearest

PASSAGE = (
    "SELECT p.row, d.id, d.name, p.start_offset, p.end_offset, p.text, p.marks "
    "FROM passages p JOIN documents d ON d.number = p.document"
)
DERIVED_OF_PASSAGE = (
    "SELECT v.value FROM documents d JOIN passages p ON p.document = d.number "
    "JOIN derived v ON v.row = p.row AND v.kind = ? WHERE d.id = ? AND p.start_offset = ? AND p.end_offset = ?"
)
_INFO = (
    "SELECT d.id, d.name, d.chars, (SELECT count(*) FROM passages p WHERE p.document = d.number), d.added_at "
    "FROM documents d"
)


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A line of the list of documents; ``chars`` in code points, ``passages`` their number."""

    id: str
    name: str
    chars: int
    passages: int
    added_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage and its row: a number that grows with time and is never given again."""

    row: int
    passage: Passage

    @classmethod
    def of(cls, record: tuple[int, str, str, int, int, str, str]) -> StoredPassage:
        """From a record of ``PASSAGE``."""
        row, document_id, document_name, start, end, text, marks = record
        passage_id = f"{document_id}:{start}-{end}"
        return cls(row, Passage(passage_id, document_id, document_name, start, end, text, marks_from_json(marks)))


def marks_to_json(marks: Sequence[Mark]) -> str:
    """Marks as they are stored."""
    return json.dumps([(mark.start, mark.end, mark.kind, mark.label) for mark in marks], ensure_ascii=False)


def marks_from_json(stored: str) -> tuple[Mark, ...]:
    """Marks as they were stored."""
    return () if stored == "[]" else tuple(Mark(*mark) for mark in json.loads(stored))


def check(document: Document, passages: Sequence[Passage]) -> None:
    """Refuse what could not be read back as it was. Raises ``UnstorableDocument``."""
    try:
        f"{document.id}{document.name}{document.text}".encode()
    except UnicodeEncodeError as error:
        raise UnstorableDocument(
            f"{document.name!r} holds half a surrogate pair, which is no character", hint="clean its text first"
        ) from error
    for passage in passages:
        belongs = passage == Passage.of(document, passage.start, passage.end)
        if not (belongs and 0 <= passage.start < passage.end):
            raise UnstorableDocument(
                f"passage {passage.id} is not a span of {document.name}", hint="cut passages from the document itself"
            )


def digest_of(document: Document) -> bytes:
    """The SHA-256 of the text: equal for equal texts whatever their names."""
    return hashlib.sha256(document.text.encode()).digest()


def is_stored(connection: sqlite3.Connection, name: str, digest: bytes) -> bool:
    """Is this text there already? A document of that name decides alone, so that a changed file is replaced."""
    own = connection.execute("SELECT digest FROM documents WHERE name = ?", (name,)).fetchone()
    if own is not None:
        return bool(own[0] == digest)
    return connection.execute("SELECT 1 FROM documents WHERE digest = ?", (digest,)).fetchone() is not None


def insert(connection: sqlite3.Connection, document: Document, digest: bytes, passages: Sequence[Passage]) -> list[int]:
    """Write a document and its passages; the rows that the passages got."""
    metadata = json.dumps(dict(document.metadata))
    now = datetime.now(UTC).isoformat()
    number = connection.execute(
        "INSERT INTO documents (id, name, digest, text, chars, metadata, added_at, marks) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            document.id,
            document.name,
            digest,
            document.text,
            len(document.text),
            metadata,
            now,
            marks_to_json(document.marks),
        ),
    ).lastrowid
    rows = []
    for passage in passages:
        row = connection.execute(
            "INSERT INTO passages (document, start_offset, end_offset, text, marks) VALUES (?, ?, ?, ?, ?)",
            (number, passage.start, passage.end, passage.text, marks_to_json(passage.marks)),
        ).lastrowid
        assert row is not None, "an insert always has a row"
        rows.append(row)
    return rows


def delete(connection: sqlite3.Connection, name: str, version: int) -> bool:
    """Delete the document of that name with all that hangs on it, noting its rows; False if there is none."""
    connection.execute(
        "INSERT INTO removals (row, version) "
        "SELECT p.row, ? FROM passages p JOIN documents d ON d.number = p.document WHERE d.name = ?",
        (version, name),
    )
    return connection.execute("DELETE FROM documents WHERE name = ?", (name,)).rowcount > 0


def infos(connection: sqlite3.Connection) -> list[DocumentInfo]:
    """All documents, in the order of their names."""
    return [_info(record) for record in connection.execute(f"{_INFO} ORDER BY d.name")]


def info_where(
    connection: sqlite3.Connection, column: Literal["id", "name", "digest"], value: str | bytes
) -> DocumentInfo | None:
    """The first document with this value, if there is one."""
    record = connection.execute(f"{_INFO} WHERE d.{column} = ? ORDER BY d.number LIMIT 1", (value,)).fetchone()
    return None if record is None else _info(record)


def found(connection: sqlite3.Connection, id_or_name: str) -> DocumentInfo:
    """The document of that id, or else of that name. Raises ``DocumentNotFound``."""
    info = info_where(connection, "id", id_or_name) or info_where(connection, "name", id_or_name)
    if info is not None:
        return info
    near = nearest(id_or_name, [name for (name,) in connection.execute("SELECT name FROM documents")])
    raise DocumentNotFound(
        f"there is no document called {id_or_name}",
        hint=f"did you mean {near}?" if near else "list the documents of the corpus to see their names",
    )


def version(connection: sqlite3.Connection) -> int:
    """How many changes have been committed."""
    return int(connection.execute("SELECT version FROM state").fetchone()[0])


def _info(record: tuple[Any, ...]) -> DocumentInfo:
    document_id, name, chars, passages, added_at = record
    return DocumentInfo(document_id, name, chars, passages, datetime.fromisoformat(added_at))
