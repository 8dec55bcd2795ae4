"""Lists the documents of a corpus, a page at a time, filtered by name.

Ten thousand documents are listed without reading their texts: only the names are scanned, and only the page that is
shown is looked up.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

from corpora.documents import NOTES
from corpora.store.store import CorpusStore

Order: TypeAlias = Literal["name", "newest"]

_LEAVES: Final = ("page", "slide", "sheet", "chapter")
_CURRENT: Final = "(SELECT generation FROM state)"


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A line of the list. ``leaves`` counts pages, slides, sheets or chapters; ``language`` is an ISO 639-1 code.

    ``notes`` say what of its file is not in its text; None if all of it is.
    """

    id: str
    name: str
    chars: int
    passages: int
    added_at: datetime
    language: str | None
    leaves: Mapping[str, int]
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list, and totals: ``found`` documents match, of ``documents``."""

    rows: tuple[ListedDocument, ...]
    found: int
    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a corpus stores of one document: passages, and the number of derived rows by kind."""

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
        matches = [number for number, name in names if all(word in name.casefold() for word in words)]
        (passages,) = connection.execute(f"SELECT count(*) FROM passages WHERE generation = {_CURRENT}").fetchone()
        rows = _rows(connection, matches[offset : offset + limit])
    return Listing(tuple(rows), len(matches), len(names), passages)


def languages(store: CorpusStore) -> dict[str, int]:
    """How many documents are in each language, by its ISO 639-1 code; those of which it is not known count nowhere."""
    with store.connections.reading() as connection:
        counted = connection.execute(
            "SELECT json_extract(metadata, '$.language') AS language, count(*) FROM documents "
            "WHERE language IS NOT NULL GROUP BY language"
        )
        return {str(language): int(count) for language, count in counted}


def holdings(store: CorpusStore, document: str) -> Holdings | None:
    """What is stored of the document with this id; None if there is none."""
    with store.connections.reading() as connection:
        record = connection.execute("SELECT number FROM documents WHERE id = ?", (document,)).fetchone()
        if record is None:
            return None
        derived = connection.execute(
            "SELECT v.kind, count(*) FROM passages p JOIN derived v ON v.row = p.row "
            f"WHERE p.document = ? AND p.generation = {_CURRENT} GROUP BY v.kind",
            record,
        ).fetchall()
        return Holdings(_rows(connection, record)[0], dict(derived))


def _rows(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[ListedDocument]:
    query = (
        "SELECT d.number, d.id, d.name, d.chars, d.added_at, d.metadata, d.marks, (SELECT count(*) FROM passages p "
        f"WHERE p.document = d.number AND p.generation = {_CURRENT}) FROM documents d "
        f"WHERE d.number IN ({', '.join('?' * len(numbers))})"
    )
    by_number = {record[0]: _listed(*record[1:]) for record in connection.execute(query, numbers)}
    return [by_number[number] for number in numbers if number in by_number]


def _listed(
    document: str, name: str, chars: int, added_at: str, metadata: str, marks: str, passages: int
) -> ListedDocument:
    kinds = Counter(kind for _, _, kind, _ in json.loads(marks))
    known = json.loads(metadata)
    language, notes = known.get("language"), known.get(NOTES)
    return ListedDocument(
        id=document,
        name=name,
        chars=chars,
        passages=passages,
        added_at=datetime.fromisoformat(added_at),
        language=language if isinstance(language, str) else None,
        leaves={kind: kinds[kind] for kind in _LEAVES if kinds[kind]},
        notes=None if notes is None else str(notes),
    )
