"""Reading passages and what is derived from them, by row. Only the generation that is seen; one being built is not.

A row is never given again, so ``after_row`` reads what is new. After a change of the generation all rows are others,
also smaller ones than those known before: whoever keeps an index begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from corpora.documents import Passage
from corpora.store import records
from corpora.store.connections import Connections
from corpora.store.records import StoredPassage

_BATCH = 512  # rows read at a time
_SEEN = records.CURRENT_GENERATION
_DERIVED = (
    "SELECT v.row, v.value FROM derived v CROSS JOIN passages p INDEXED BY passages_by_generation "
    f"ON p.generation = {_SEEN} AND p.row = v.row WHERE v.kind = ? AND v.row > ? ORDER BY v.row LIMIT {_BATCH}"
)
# From one kind to the next in the index, since looking at all rows for the few kinds there are would take long.
_KINDS = f"""
WITH RECURSIVE kinds (kind) AS (
    SELECT min(kind) FROM derived
    UNION ALL SELECT (SELECT min(v.kind) FROM derived v WHERE v.kind > kinds.kind) FROM kinds WHERE kind IS NOT NULL
)
SELECT kind FROM kinds WHERE kind IS NOT NULL AND EXISTS (
    SELECT 1 FROM derived v CROSS JOIN passages p INDEXED BY passages_by_generation
    ON p.generation = {_SEEN} AND p.row = v.row WHERE v.kind = kinds.kind
) ORDER BY kind
"""
_MISSING = (
    f"SELECT p.row FROM passages p WHERE p.generation = {_SEEN} "
    "AND NOT EXISTS (SELECT 1 FROM derived v WHERE v.kind = ? AND v.row = p.row) ORDER BY p.row"
)


class PassageRows:
    """What searching needs of a store. Every method sees what is committed when it is called."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def generation(self) -> int:
        """Which cut and encoding of the texts is seen; after a change of it, rows seen before are no longer."""
        with self._connections.reading() as connection:
            return records.generation(connection)

    def passages_after(self, row: int) -> Iterator[StoredPassage]:
        """All passages with a larger row, in the order of rows; 0 for all."""
        query = f"{records.PASSAGE} WHERE p.generation = {_SEEN} AND p.row > ? ORDER BY p.row LIMIT {_BATCH}"
        while batch := self._batch(query, (row,)):
            for record in batch:
                yield StoredPassage.of(record)
            row = batch[-1][0]

    def passages(self, rows: Sequence[int]) -> list[StoredPassage]:
        """The passages of these rows, in the order asked for; rows that are gone are left out."""
        found: dict[int, StoredPassage] = {}
        with self._connections.reading() as connection:
            for i in range(0, len(rows), _BATCH):
                some = [int(row) for row in rows[i : i + _BATCH]]
                marks = ",".join("?" * len(some))
                query = f"{records.PASSAGE} WHERE p.generation = {_SEEN} AND p.row IN ({marks})"
                for record in connection.execute(query, some):
                    found[record[0]] = StoredPassage.of(record)
        return [found[row] for row in rows if row in found]

    def rows_alive(self) -> list[int]:
        """The rows of all passages, in order."""
        return self._column(f"SELECT row FROM passages WHERE generation = {_SEEN} ORDER BY row")

    def owners(self) -> list[tuple[int, str]]:
        """The row of each passage with the id of its document, in the order of rows."""
        query = (
            "SELECT p.row, d.id FROM passages p JOIN documents d ON d.number = p.document "
            f"WHERE p.generation = {_SEEN} ORDER BY p.row"
        )
        return self._batch(query, ())

    def passage_ids(self) -> list[tuple[int, str]]:
        """The row and the id of every passage, in the order of rows: by these an index is known to be of here."""
        query = (
            "SELECT p.row, d.id || ':' || p.start_offset || '-' || p.end_offset "
            f"FROM passages p JOIN documents d ON d.number = p.document WHERE p.generation = {_SEEN} ORDER BY p.row"
        )
        return self._batch(query, ())

    def removed_since(self, version: int) -> list[int]:
        """Rows that went after ``version``, in order: what an index of that version must not return."""
        return self._column("SELECT row FROM removals WHERE version > ? ORDER BY row", version)

    def derived(self, kind: str, after_row: int = 0) -> Iterator[tuple[int, bytes]]:
        """(row, value) of one kind for rows larger than ``after_row``, in order."""
        while batch := self._batch(_DERIVED, (kind, after_row)):
            yield from batch
            after_row = batch[-1][0]

    def derived_of(self, kind: str, passages: Sequence[Passage]) -> dict[str, bytes]:
        """Values of one kind by passage id; passages that have none, or are gone, are left out."""
        found: dict[str, bytes] = {}
        with self._connections.reading() as connection:
            for one in passages:
                key = (kind, one.document_id, one.start, one.end)
                for (value,) in connection.execute(records.DERIVED_OF_PASSAGE, key):
                    found[one.id] = value
        return found

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
