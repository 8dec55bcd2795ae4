"""Reads passages and derived rows by row number, of the current generation only.

A row number is never used again, so ``after_row`` reads what is new. After a change of the generation all row numbers
differ, and some are smaller than those before: whoever keeps an index has to begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from corpora.documents import Passage
from corpora.store import records
from corpora.store.connections import Connections
from corpora.store.records import StoredPassage

_BATCH = 512  # rows read at a time
_CURRENT = records.CURRENT_GENERATION
_DERIVED = (
    "SELECT v.row, v.value FROM derived v CROSS JOIN passages p INDEXED BY passages_by_generation "
    f"ON p.generation = {_CURRENT} AND p.row = v.row WHERE v.kind = ? AND v.row > ? ORDER BY v.row LIMIT {_BATCH}"
)
# From one kind to the next in the index, since looking at all rows for the few kinds there are would take long.
_KINDS = f"""
WITH RECURSIVE kinds (kind) AS (
    SELECT min(kind) FROM derived
    UNION ALL SELECT (SELECT min(v.kind) FROM derived v WHERE v.kind > kinds.kind) FROM kinds WHERE kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL AND EXISTS (
    SELECT 1 FROM derived v CROSS JOIN passages p INDEXED BY passages_by_generation
    ON p.generation = {_CURRENT} AND p.row = v.row WHERE v.kind = kinds.kind
) ORDER BY kind
"""
_MISSING = (
    f"SELECT p.row FROM passages p WHERE p.generation = {_CURRENT} "
    "AND NOT EXISTS (SELECT 1 FROM derived v WHERE v.kind = ? AND v.row = p.row) ORDER BY p.row"
)


class PassageRows:
    """The half of a store that searching needs. Every method sees what is committed when it is called."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def generation(self) -> int:
        """The current generation, of one chunking and one encoder; after a change of it, no earlier row exists."""
        with self._connections.reading() as connection:
            return records.generation(connection)

    def passages_after(self, row: int) -> Iterator[StoredPassage]:
        """All passages with a row larger than ``row``, in the order of rows; 0 for all."""
        query = f"{records.PASSAGE} WHERE p.generation = {_CURRENT} AND p.row > ? ORDER BY p.row LIMIT {_BATCH}"
        while batch := self._batch(query, (row,)):
            for record in batch:
                yield StoredPassage.of(record)
            row = batch[-1][0]

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """The passages of these rows, in the order asked for; rows that are gone are left out."""
        by_row: dict[int, StoredPassage] = {}
        with self._connections.reading() as connection:
            for i in range(0, len(rows), _BATCH):
                batch = [int(row) for row in rows[i : i + _BATCH]]
                marks = ",".join("?" * len(batch))
                query = f"{records.PASSAGE} WHERE p.generation = {_CURRENT} AND p.row IN ({marks})"
                for record in connection.execute(query, batch):
                    by_row[record[0]] = StoredPassage.of(record)
        return [by_row[row] for row in rows if row in by_row]

    def passages_at(self, document_id: str, start: int, end: int) -> list[Passage]:
        """The passages of a document that have any of its characters ``[start, end)``, in order."""
        query = (
            f"{records.PASSAGE} WHERE d.id = ? AND p.generation = {_CURRENT} "
            "AND p.start_offset < ? AND p.end_offset > ? ORDER BY p.start_offset"
        )
        return [StoredPassage.of(record).passage for record in self._batch(query, (document_id, end, start))]

    def rows_alive(self) -> list[int]:
        """The rows of all passages, in order."""
        return self._column(f"SELECT row FROM passages WHERE generation = {_CURRENT} ORDER BY row")

    def owners(self) -> list[tuple[int, str]]:
        """The row of each passage with the id of its document, in the order of rows."""
        query = (
            "SELECT p.row, d.id FROM passages p JOIN documents d ON d.number = p.document "
            f"WHERE p.generation = {_CURRENT} ORDER BY p.row"
        )
        return self._batch(query, ())

    def passage_ids(self) -> list[tuple[int, str]]:
        """The row and the id of every passage, in the order of rows: they tell whether an index is of this corpus."""
        query = (
            "SELECT p.row, d.id || ':' || p.start_offset || '-' || p.end_offset "
            f"FROM passages p JOIN documents d ON d.number = p.document WHERE p.generation = {_CURRENT} ORDER BY p.row"
        )
        return self._batch(query, ())

    def removed_since(self, version: int) -> list[int]:
        """Rows that were deleted after ``version``, in order: an index of that version must not return them."""
        return self._column("SELECT row FROM removals WHERE version > ? ORDER BY row", version)

    def derived(self, kind: str, after_row: int = 0) -> Iterator[tuple[int, bytes]]:
        """(row, value) of one kind for rows larger than ``after_row``, in order."""
        while batch := self._batch(_DERIVED, (kind, after_row)):
            yield from batch
            after_row = batch[-1][0]

    def derived_of(self, kind: str, passages: Sequence[Passage]) -> dict[str, bytes]:
        """Values of one kind by passage id; passages that have none, or are gone, are left out."""
        values: dict[str, bytes] = {}
        with self._connections.reading() as connection:
            for passage in passages:
                key = (kind, passage.document_id, passage.start, passage.end)
                for (value,) in connection.execute(records.DERIVED_OF_PASSAGE, key):
                    values[passage.id] = value
        return values

    def derived_kinds(self) -> list[str]:
        """All kinds of which rows are stored."""
        return [kind for (kind,) in self._batch(_KINDS, ())]

    def missing_derived(self, kind: str) -> list[int]:
        """Rows of passages that have no derived row of this kind, in order."""
        return self._column(_MISSING, kind)

    def _batch(self, query: str, parameters: tuple[object, ...]) -> list[Any]:
        with self._connections.reading() as connection:
            return connection.execute(query, parameters).fetchall()

    def _column(self, query: str, *parameters: object) -> list[int]:
        with self._connections.reading() as connection:
            return [number for (number,) in connection.execute(query, parameters)]
