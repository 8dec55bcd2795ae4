"""One corpus: documents, their passages, and derived rows, in one SQLite database.

A document becomes visible with its passages and all derived rows in one transaction, or not at all.
Knows nothing of files that are read, of how text is cut, and of what derived rows mean.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from corpora import records, schema
from corpora.connections import Connections
from corpora.documents import Document, Passage
from corpora.errors import UnstorableDocument
from corpora.interfaces import Derived
from corpora.records import DocumentInfo, StoredPassage

__all__ = ["CorpusStore", "DocumentInfo", "StoredPassage"]

_BATCH = 512  # rows read at a time


class CorpusStore:
    """Reads and writes one corpus. Any thread may use it; other processes may read and write at the same time."""

    def __init__(self, name: str, folder: Path) -> None:
        """Raises ``NewerSchema``, ``DamagedLibrary``, ``LibraryError``."""
        self.name = name
        self.folder = folder
        self._connections = Connections(folder / schema.FILE_NAME)
        self.version()  # opens the database, so that a damaged one is known at once

    @property
    def connections(self) -> Connections:
        """For other tables of the same database, such as those of jobs."""
        return self._connections

    def add(self, document: Document, passages: Sequence[Passage], derived: Sequence[Derived] = ()) -> bool:
        """Store a document. False, and nothing changes, if this very text is stored already.

        A document of the same name but with another text is replaced. Derived rows are computed before anything
        is locked. Raises ``UnstorableDocument``, ``LibraryBusy``, ``LibraryError``.
        """
        records.check(document, passages)
        digest = records.digest_of(document)
        with self._connections.reading() as connection:
            if records.is_stored(connection, document.name, digest):
                return False
        values = [(one.kind, one.compute(passages)) for one in derived]
        for kind, rows in values:
            if len(rows) != len(passages):
                raise UnstorableDocument(
                    f"{kind} gave {len(rows)} rows for {len(passages)} passages",
                    hint="report this as a bug of the part that computes them",
                )
        with self._changing() as (connection, version):
            if records.is_stored(connection, document.name, digest):
                return False  # another writer was faster
            replaced = records.delete(connection, document.name, version)
            rows_new = records.insert(connection, document, digest, passages)
            for kind, rows in values:
                connection.executemany(
                    "INSERT INTO derived (kind, row, value) VALUES (?, ?, ?)",
                    [(kind, row, value) for row, value in zip(rows_new, rows, strict=True)],
                )
        if replaced:
            self._connections.forget_deleted()
        return True

    def remove(self, id_or_name: str) -> DocumentInfo:
        """Delete a document, its passages and derived rows; their text is overwritten. Raises ``DocumentNotFound``."""
        with self._changing() as (connection, version):
            info = records.found(connection, id_or_name)
            records.delete(connection, info.name, version)
        self._connections.forget_deleted()
        return info

    def find(self, name: str) -> DocumentInfo | None:
        """The document of that name, if there is one."""
        with self._connections.reading() as connection:
            return records.info_where(connection, "name", name)

    def twin(self, document: Document) -> DocumentInfo | None:
        """The stored document that has the same text, whatever it is called."""
        with self._connections.reading() as connection:
            return records.info_where(connection, "digest", records.digest_of(document))

    def documents(self) -> list[DocumentInfo]:
        """All documents, in the order of their names."""
        with self._connections.reading() as connection:
            return records.infos(connection)

    def document(self, id_or_name: str) -> Document:
        """One document by id or name. Raises ``DocumentNotFound``."""
        with self._connections.reading() as connection:
            info = records.found(connection, id_or_name)
            text, metadata, marks = connection.execute(
                "SELECT text, metadata, marks FROM documents WHERE id = ?", (info.id,)
            ).fetchone()
            kept = MappingProxyType(json.loads(metadata))
            return Document(info.id, info.name, text, kept, records.marks_from_json(marks))

    def passages_after(self, row: int) -> Iterator[StoredPassage]:
        """All passages with a larger row, in the order of rows; 0 for all."""
        while batch := self._batch(f"{records.PASSAGE} WHERE p.row > ? ORDER BY p.row LIMIT {_BATCH}", (row,)):
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
                for record in connection.execute(f"{records.PASSAGE} WHERE p.row IN ({marks})", some):
                    found[record[0]] = StoredPassage.of(record)
        return [found[row] for row in rows if row in found]

    def rows_alive(self) -> list[int]:
        """The rows of all passages, in order."""
        return self._column("SELECT row FROM passages ORDER BY row")

    def owners(self) -> list[tuple[int, str]]:
        """The row of each passage with the id of its document, in order: by these an index is known to be of here."""
        query = (
            "SELECT p.row, d.id FROM passages p JOIN documents d ON d.number = p.document "
            "WHERE p.generation = (SELECT generation FROM state) ORDER BY p.row"
        )
        return self._batch(query, ())

    def generation(self) -> int:
        """Which cut and encoding of the texts is seen; after a change of it, rows seen before are no longer."""
        with self._connections.reading() as connection:
            return int(connection.execute("SELECT generation FROM state").fetchone()[0])

    def removed_since(self, version: int) -> list[int]:
        """Rows that went after ``version``, in order: what an index of that version must not return."""
        return self._column("SELECT row FROM removals WHERE version > ? ORDER BY row", version)

    def derived(self, kind: str, after_row: int = 0) -> Iterator[tuple[int, bytes]]:
        """(row, value) of one kind for rows larger than ``after_row``, in order."""
        query = f"SELECT row, value FROM derived WHERE kind = ? AND row > ? ORDER BY row LIMIT {_BATCH}"
        while batch := self._batch(query, (kind, after_row)):
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
        with self._connections.reading() as connection:
            return [kind for (kind,) in connection.execute("SELECT DISTINCT kind FROM derived ORDER BY kind")]

    def missing_derived(self, kind: str) -> list[int]:
        """Rows of passages that have no derived row of this kind, in order."""
        return self._column(
            "SELECT row FROM passages WHERE row NOT IN (SELECT row FROM derived WHERE kind = ?) ORDER BY row", kind
        )

    def add_derived(self, derived: Derived, rows: Sequence[int]) -> int:
        """Compute and store one kind for these rows, in one transaction; how many of them were still there."""
        wanted = self.passages(rows)
        values = derived.compute([stored.passage for stored in wanted])
        with self._changing() as (connection, _):
            before = connection.total_changes
            connection.executemany(
                "INSERT OR REPLACE INTO derived (kind, row, value) SELECT ?, row, ? FROM passages WHERE row = ?",
                [(derived.kind, value, stored.row) for stored, value in zip(wanted, values, strict=True)],
            )
            return connection.total_changes - before

    def drop_derived(self, kind: str) -> None:
        """Delete all rows of one kind."""
        with self._changing() as (connection, _):
            connection.execute("DELETE FROM derived WHERE kind = ?", (kind,))

    def setting(self, key: str) -> str | None:
        """A setting of this corpus, such as the encoder it was built with; none if it was never set."""
        with self._connections.reading() as connection:
            row = connection.execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
            return None if row is None else str(row[0])

    def set_setting(self, key: str, value: str) -> None:
        """Keep a setting with the corpus."""
        with self._changing() as (connection, _):
            connection.execute("INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (key, value))

    def version(self) -> int:
        """Grows with every committed change by any process."""
        with self._connections.reading() as connection:
            return records.version(connection)

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """Everything this thread reads inside is of one version, which is what it gets. No writing inside."""
        with self._connections.reading() as connection:
            yield records.version(connection)

    def close(self) -> None:
        """Close the database. The corpus must be opened again to be used."""
        self._connections.close()

    @contextmanager
    def _changing(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A transaction and the version that it makes. One that changes nothing makes none."""
        with self._connections.writing() as connection:
            version, before = records.version(connection) + 1, connection.total_changes
            yield connection, version
            if connection.total_changes > before:
                connection.execute("UPDATE state SET version = ?", (version,))

    def _batch(self, query: str, parameters: tuple[object, ...]) -> list[Any]:
        with self._connections.reading() as connection:
            return connection.execute(query, parameters).fetchall()

    def _column(self, query: str, *parameters: object) -> list[int]:
        with self._connections.reading() as connection:
            return [number for (number,) in connection.execute(query, parameters)]
