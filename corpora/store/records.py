"""Rows of the database as values of this floor, and back: documents, passages, derived rows, sources, settings.

Every function runs inside a transaction that its caller has opened.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from corpora.documents import Document, Mark, Metadata, Passage
from corpora.errors import DamagedLibrary, DocumentNotFound, UnstorableDocument, nearest
from corpora.store.document_names import longer_name, names_apart, unused_name

# Keys of settings.
CHUNKING: Final = "chunking"  # how texts are chunked, as JSON
ENCODER: Final = "encoder"  # the name of the encoder that made the vectors
Digest: TypeAlias = bytes  # of 32 bytes; a field called ``bytes`` hides the type of that name

CURRENT_GENERATION = "(SELECT generation FROM state)"
PASSAGE = (
    "SELECT p.row, d.id, d.name, p.start_offset, p.end_offset, p.text, p.marks "
    "FROM passages p JOIN documents d ON d.number = p.document"
)
DERIVED_OF_PASSAGE = (
    "SELECT v.value FROM documents d JOIN passages p ON p.document = d.number "
    "JOIN derived v ON v.row = p.row AND v.kind = ? "
    f"WHERE d.id = ? AND p.start_offset = ? AND p.end_offset = ? AND p.generation = {CURRENT_GENERATION}"
)
_INFO = (
    "SELECT d.id, d.name, d.chars, "
    "(SELECT count(*) FROM passages p INDEXED BY passages_by_document "
    f"WHERE p.document = d.number AND p.generation = {CURRENT_GENERATION}), d.added_at "
    "FROM documents d"
)
_MOST_NAMED = 5  # files of one name


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
    """A passage and its row: a number that grows with time and is never used again."""

    row: int
    passage: Passage

    @classmethod
    def of(cls, record: tuple[int, str, str, int, int, str, str]) -> StoredPassage:
        """From a record of ``PASSAGE``."""
        row, document_id, document_name, start, end, text, marks = record
        passage_id = f"{document_id}:{start}-{end}"
        return cls(row, Passage(passage_id, document_id, document_name, start, end, text, marks_from_json(marks)))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The file that a document was read from, as it was then: its path, size, time of change and SHA-256."""

    path: str
    bytes: int
    mtime_ns: int
    sha256: Digest


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A source and the document that was read from it."""

    source: SourceFile
    document_id: str
    document_name: str


@dataclass(frozen=True, slots=True)
class Put:
    """The result of storing a document; for a duplicate, the stored document that has the same text.

    ``is_own``: the document stored before, replaced or with the same text, was that of this very file or name.
    """

    status: Literal["added", "replaced", "duplicate"]
    document: DocumentInfo
    passages: int
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """The receipt of a removal: what was deleted with the document. ``derived`` is the number of rows by kind.

    ``erased``: no byte of it is left in the database. Otherwise a reader needed old pages, and the next write to the
    corpus, or its closing, overwrites them.
    """

    document: DocumentInfo
    passages: int
    derived: Mapping[str, int]
    text_bytes: int
    rows: tuple[int, ...]
    erased: bool = False


def marks_to_json(marks: Sequence[Mark]) -> str:
    """Marks in the form in which they are stored."""
    return json.dumps([(mark.start, mark.end, mark.kind, mark.label) for mark in marks], ensure_ascii=False)


def marks_from_json(stored: str) -> tuple[Mark, ...]:
    """Stored marks. Raises ``DamagedLibrary``."""
    if stored == "[]":
        return ()
    with _readable("places of a text"):
        return tuple(Mark(*mark) for mark in json.loads(stored))


def metadata_from_json(stored: str) -> Metadata:
    """Stored metadata. Raises ``DamagedLibrary``."""
    with _readable("metadata of a document"):
        return MappingProxyType(dict(json.loads(stored)))


def check_storable(document: Document, passages: Sequence[Passage]) -> None:
    """Refuse what could not be read back unchanged. Raises ``UnstorableDocument``."""
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


def text_digest(document: Document) -> bytes:
    """The SHA-256 of the text, equal for equal texts whatever their names."""
    return hashlib.sha256(document.text.encode()).digest()


def own_document(
    connection: sqlite3.Connection, name: str, path: str | None, moved_from: str | None = None
) -> DocumentInfo | None:
    """The document that was made of a file before, or None.

    That is the one with the id ``moved_from``, else the one read from this path, else the one of that name, unless both
    have paths: two files of one name are two documents.
    """
    own = None if moved_from is None else info_where(connection, "id", moved_from)
    if own is None and path is not None:
        own = info_where(connection, "source_path", path)
    if own is None:
        own = info_where(connection, "name", name)
        if own is not None and path is not None and source_of(connection, own.id) is not None:
            return None
    return own


def same_text(connection: sqlite3.Connection, own: DocumentInfo | None, digest: bytes) -> DocumentInfo | None:
    """The document that has this text already, or None.

    If the file has a document of its ``own``, only that one counts, so that a changed file replaces it.
    """
    if own is None:
        return info_where(connection, "digest", digest)
    (stored,) = connection.execute("SELECT digest FROM documents WHERE id = ?", (own.id,)).fetchone()
    return own if stored == digest else None


def source_of(connection: sqlite3.Connection, document_id: str) -> SourceFile | None:
    """The file that a document was read from; None if it has no path."""
    query = "SELECT source_path, source_bytes, source_mtime_ns, source_sha256 FROM documents WHERE id = ?"
    record = connection.execute(query, (document_id,)).fetchone()
    return None if record is None or record[0] is None else SourceFile(*record)


def free_name(connection: sqlite3.Connection, name: str, path: str | None) -> str:
    """A name for a new document that no other one has.

    Another file of that name is renamed, so that both are called by the shortest ends of their paths that differ.
    """
    other = info_where(connection, "name", name)
    if other is None:
        longer = None if path is None or "/" in name else longer_name(name, path)
        return name if longer is None or not _is_an_end(connection, name) else free_name(connection, longer, path)
    before = source_of(connection, other.id)
    if path is not None and before is not None and (names := names_apart(name, path, before.path)) is not None:
        if info_where(connection, "name", names[1]) is None:
            rename(connection, other.id, names[1])
        return free_name(connection, names[0], path)
    return unused_name(name, _Names(connection))


def rename(connection: sqlite3.Connection, document_id: str, name: str) -> None:
    """Give a document another name; its id stays, so that what cites it still finds it."""
    connection.execute("UPDATE documents SET name = ? WHERE id = ?", (name, document_id))


def move_document(connection: sqlite3.Connection, info: DocumentInfo, name: str, source: SourceFile) -> DocumentInfo:
    """Store that the file of a document has moved; the document as it is now."""
    rename(connection, info.id, info.id)  # Its old name is free, perhaps for itself.
    rename(connection, info.id, free_name(connection, name, source.path))
    set_source(connection, info.id, source)
    set_version(connection, version(connection) + 1)
    moved = info_where(connection, "id", info.id)
    assert moved is not None, "it was just written"
    return moved


def unused_id(connection: sqlite3.Connection, document: Document) -> str:
    """The id of the document, or another if a renamed document has it: ids are made of a name and a text."""
    candidate, number = document.id, 1
    while info_where(connection, "id", candidate) is not None:
        number += 1
        candidate = Document.of(f"{document.name}\0{number}", document.text).id
    return candidate


class _Names:
    """The names of all documents, as a container."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __contains__(self, name: object) -> bool:
        return info_where(self._connection, "name", str(name)) is not None


def _is_an_end(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the name of a document ends in this one, after a slash: then this one alone would be ambiguous."""
    query = "SELECT 1 FROM documents INDEXED BY documents_by_list WHERE substr(name, -?) = ? LIMIT 1"
    return connection.execute(query, (len(name) + 1, f"/{name}")).fetchone() is not None


def insert_document(connection: sqlite3.Connection, document: Document, *, source: SourceFile | None) -> int:
    """Insert a document without its passages; returns its number."""
    number = connection.execute(
        "INSERT INTO documents (id, name, digest, text, chars, metadata, added_at, marks) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            document.id,
            document.name,
            text_digest(document),
            document.text,
            len(document.text),
            json.dumps(dict(document.metadata)),
            datetime.now(UTC).isoformat(),
            marks_to_json(document.marks),
        ),
    ).lastrowid
    assert number is not None, "an insert always has a row"
    if source is not None:
        set_source(connection, document.id, source)
    return number


def insert_passages(
    connection: sqlite3.Connection,
    number: int,
    passages: Sequence[Passage],
    values: Mapping[str, Sequence[bytes]],
    *,
    generation: int,
) -> None:
    """Insert passages of the document of that number with their derived rows, ``values`` by kind."""
    rows: list[int] = []
    for passage in passages:
        row = connection.execute(
            "INSERT INTO passages (document, start_offset, end_offset, text, marks, generation) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (number, passage.start, passage.end, passage.text, marks_to_json(passage.marks), generation),
        ).lastrowid
        assert row is not None, "an insert always has a row"
        rows.append(row)
    for kind, column in values.items():
        connection.executemany(
            "INSERT INTO derived (kind, row, value) VALUES (?, ?, ?)",
            [(kind, row, value) for row, value in zip(rows, column, strict=True)],
        )


def set_source(connection: sqlite3.Connection, document_id: str, source: SourceFile) -> None:
    """Store which file a document was read from."""
    connection.execute(
        "UPDATE documents SET source_path = ?, source_bytes = ?, source_mtime_ns = ?, source_sha256 = ? WHERE id = ?",
        (source.path, source.bytes, source.mtime_ns, source.sha256, document_id),
    )


def sources(connection: sqlite3.Connection, path: str | None = None) -> list[StoredSource]:
    """The files that documents were read from, in the order of their paths; only those of ``path``, if it is given."""
    query = (
        "SELECT source_path, source_bytes, source_mtime_ns, source_sha256, id, name FROM documents "
        f"WHERE source_path {'IS NOT NULL' if path is None else '= ?'} ORDER BY source_path, number"
    )
    records = connection.execute(query, () if path is None else (path,))
    return [StoredSource(SourceFile(*record[:4]), *record[4:]) for record in records]


def delete_document(connection: sqlite3.Connection, info: DocumentInfo, version: int) -> Removal:
    """Delete a document with its passages and derived rows, and record its rows in ``removals``."""
    (number, text_bytes) = connection.execute(
        "SELECT number, length(CAST(text AS BLOB)) FROM documents WHERE id = ?", (info.id,)
    ).fetchone()
    derived = connection.execute(
        "SELECT v.kind, count(*) FROM passages p JOIN derived v ON v.row = p.row WHERE p.document = ? GROUP BY v.kind",
        (number,),
    ).fetchall()
    rows = [row for (row,) in connection.execute("SELECT row FROM passages WHERE document = ? ORDER BY row", (number,))]
    connection.executemany("INSERT INTO removals (row, version) VALUES (?, ?)", [(row, version) for row in rows])
    connection.execute("DELETE FROM documents WHERE number = ?", (number,))
    return Removal(info, len(rows), MappingProxyType(dict(derived)), text_bytes, tuple(rows))


def all_infos(connection: sqlite3.Connection) -> list[DocumentInfo]:
    """All documents, in the order of their names. Raises ``DamagedLibrary``."""
    with _readable("time at which a document was added"):
        return [_info(record) for record in connection.execute(f"{_INFO} ORDER BY d.name")]


def info_where(
    connection: sqlite3.Connection, column: Literal["id", "name", "digest", "source_path"], value: str | bytes
) -> DocumentInfo | None:
    """The first document with this value, if there is one."""
    try:
        record = connection.execute(f"{_INFO} WHERE d.{column} = ? ORDER BY d.number LIMIT 1", (value,)).fetchone()
    except UnicodeEncodeError:
        return None  # Half a surrogate pair, as a command line may hold: nothing is stored under such a name.
    with _readable("time at which a document was added"):
        return None if record is None else _info(record)


def find_document(connection: sqlite3.Connection, id_or_name: str) -> DocumentInfo:
    """The document of that id, or else of that name. Raises ``DocumentNotFound``."""
    info = info_where(connection, "id", id_or_name) or info_where(connection, "name", id_or_name)
    if info is not None:
        return info
    names = [name for (name,) in connection.execute("SELECT name FROM documents")]
    ends_so = [name for name in names if name.endswith(f"/{id_or_name}")]
    near = " or ".join(ends_so[:_MOST_NAMED]) or nearest(id_or_name, names)
    raise DocumentNotFound(
        f'there is no document called "{id_or_name}"',
        hint=f"did you mean {near}?" if near else "list the documents of the corpus to see their names",
    )


def version(connection: sqlite3.Connection) -> int:
    """The version: how many changes have been committed."""
    return int(connection.execute("SELECT version FROM state").fetchone()[0])


def set_version(connection: sqlite3.Connection, version: int) -> None:
    """Store the version that the change in this transaction makes."""
    connection.execute("UPDATE state SET version = ?", (version,))


def generation(connection: sqlite3.Connection) -> int:
    """The current generation: passages of any other are being built."""
    return int(connection.execute("SELECT generation FROM state").fetchone()[0])


def setting(connection: sqlite3.Connection, key: str) -> str | None:
    """A setting of the corpus; None if it was never set."""
    record = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
    return None if record is None else str(record[0])


def set_setting(connection: sqlite3.Connection, key: str, value: str | None) -> None:
    """Store a setting, or delete it if ``value`` is None."""
    if value is None:
        connection.execute("DELETE FROM settings WHERE key = ?", (key,))
    else:
        connection.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))


def _info(record: tuple[Any, ...]) -> DocumentInfo:
    document_id, name, chars, passages, added_at = record
    return DocumentInfo(document_id, name, chars, passages, datetime.fromisoformat(added_at))


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """What does not parse is not what was written. Raises ``DamagedLibrary``."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise DamagedLibrary(
            f"the {what} cannot be read: {error}",
            hint="run `spandraft corpus verify NAME` with the corpus' name; it says what is damaged and what to do",
        ) from error
