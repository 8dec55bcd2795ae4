"""The list of a corpus' documents, a part of it at a time: found by name, with what is worth knowing of each.

Ten thousand documents are listed without reading their texts: only the names are gone through, and only the part that
is shown is looked up.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from corpora.store.store import CorpusStore

Order: TypeAlias = Literal["name", "newest"]

_LEAVES: Final = ("page", "slide", "sheet", "chapter")
_SEEN: Final = "(SELECT generation FROM state)"


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A line of the list. ``leaves`` counts pages, slides, sheets or chapters; ``language`` is an ISO 639-1 code."""

    id: str
    name: str
    chars: int
    passages: int
    added_at: datetime
    language: str | None
    leaves: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of the list, and what the whole has: ``found`` documents match, of ``documents``."""

    rows: tuple[ListedDocument, ...]
    found: int
    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a corpus has of one document: passages, and derived rows by kind."""

    document: ListedDocument
    derived: Mapping[str, int]


def listing(
    store: CorpusStore, *, wanted: str = "", order: Order = "name", offset: int = 0, limit: int = 50
) -> Listing:
    """Documents whose name has every word of ``wanted`` in it, upper or lower case ignored."""
    words = wanted.casefold().split()
    with store.connections.reading() as connection:
        by = "name" if order == "name" else "number DESC"
        names = connection.execute(f"SELECT number, name FROM documents ORDER BY {by}").fetchall()
        found = [number for number, name in names if all(word in name.casefold() for word in words)]
        (passages,) = connection.execute(f"SELECT count(*) FROM passages WHERE generation = {_SEEN}").fetchone()
        rows = _rows(connection, found[offset : offset + limit])
    return Listing(tuple(rows), len(found), len(names), passages)


def holdings(store: CorpusStore, document: str) -> Holdings | None:
    """What there is of the document with this id; None if it is gone."""
    with store.connections.reading() as connection:
        record = connection.execute("SELECT number FROM documents WHERE id = ?", (document,)).fetchone()
        if record is None:
            return None
        derived = connection.execute(
            "SELECT v.kind, count(*) FROM passages p JOIN derived v ON v.row = p.row "
            f"WHERE p.document = ? AND p.generation = {_SEEN} GROUP BY v.kind",
            record,
        ).fetchall()
        return Holdings(_rows(connection, record)[0], dict(derived))


def _rows(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[ListedDocument]:
    query = (
        "SELECT d.number, d.id, d.name, d.chars, d.added_at, d.metadata, d.marks, (SELECT count(*) FROM passages p "
        f"WHERE p.document = d.number AND p.generation = {_SEEN}) FROM documents d "
        f"WHERE d.number IN ({', '.join('?' * len(numbers))})"
    )
    found = {record[0]: _listed(*record[1:]) for record in connection.execute(query, numbers)}
    return [found[number] for number in numbers if number in found]


def _listed(
    document: str, name: str, chars: int, added_at: str, metadata: str, marks: str, passages: int
) -> ListedDocument:
    kinds = Counter(kind for _, _, kind, _ in json.loads(marks))
    language = json.loads(metadata).get("language")
    return ListedDocument(
        id=document,
        name=name,
        chars=chars,
        passages=passages,
        added_at=datetime.fromisoformat(added_at),
        language=language if isinstance(language, str) else None,
        leaves={kind: kinds[kind] for kind in _LEAVES if kinds[kind]},
    )
