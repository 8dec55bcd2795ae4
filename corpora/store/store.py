"""One corpus: documents, their passages, and derived rows, in one SQLite database.

A document becomes visible with its passages and all derived rows in one transaction, or not at all. ``remove`` is the
one way to delete a document, ``checkpoint`` the one way to leave the database's file in its final state. Knows nothing
of files that are read, of how text is cut, and of what derived rows mean.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from corpora.counts import count
from corpora.documents import Document, Passage
from corpora.errors import ChunkingChanged, UnstorableDocument
from corpora.interfaces import Derived
from corpora.store import records, schema, secure_delete
from corpora.store.connections import Connections
from corpora.store.corpus_names import in_shell
from corpora.store.passage_rows import PassageRows
from corpora.store.records import DocumentInfo, Put, Removal, SourceFile, StoredSource
from corpora.text.chunking import Chunking

_CLOSING_WAIT_S: Final = 0.2


class CorpusStore(PassageRows):
    """Reads and writes one corpus. Any thread may use it; other processes may read and write at the same time."""

    def __init__(self, name: str, folder: Path) -> None:
        """Raises ``NewerSchema``, ``DamagedLibrary``, ``LibraryError``."""
        self.name = name
        self.folder = folder
        secure_delete.check_at_rest(folder)
        super().__init__(Connections(folder / schema.FILE_NAME))
        self.version()  # opens the database, so that a damaged one is known at once

    @property
    def connections(self) -> Connections:
        """The pool of connections, for other tables of the same database, such as those of jobs."""
        return self._connections

    def put(
        self,
        document: Document,
        passages: Sequence[Passage],
        values: Mapping[str, Sequence[bytes]],
        *,
        source: SourceFile | None = None,
        moved_from: str | None = None,
        also: Callable[[sqlite3.Connection, Put], object] | None = None,
        chunking: Chunking | None = None,
        generation: int | None = None,
        erase: bool = True,
    ) -> Put:
        """Store a document with its passages and derived rows, ``values`` by kind.

        The document that was read from the same path is replaced if its text is another, where there is no path that of
        the same name; ``moved_from`` is the id of the one whose file has moved to this path. Two files of one name are
        named by more of their paths. A text is not stored twice. ``also`` is called
        inside the transaction and may write to other tables. With ``chunking``, the corpus must be chunked in this way,
        or not at all yet; with ``generation``, it must not have been rebuilt since. Without ``erase``, a replaced text
        is overwritten later, by the next ``checkpoint`` at the latest.
        Raises ``UnstorableDocument``, ``ChunkingChanged``, ``LibraryBusy``, ``LibraryError``.
        """
        records.check_storable(document, passages)
        _check_lengths(passages, values)
        with self._connections.writing() as connection:
            self._require(connection, chunking, generation)
            result = _replace_or_insert(connection, document, passages, values, source, moved_from)
            if result.status == "replaced":
                secure_delete.request_erase(connection)
            if also is not None:
                also(connection, result)
        if result.status == "replaced" and erase:
            secure_delete.erase(self._connections)
        elif erase:
            secure_delete.try_erase(self._connections)
        return result

    def add(
        self,
        document: Document,
        passages: Sequence[Passage],
        derived: Sequence[Derived] = (),
        *,
        source: SourceFile | None = None,
    ) -> bool:
        """Store a document. False, and nothing changes, if its text is stored already.

        Derived rows are computed before anything is locked. Raises what ``put`` raises.
        """
        records.check_storable(document, passages)
        with self._connections.reading() as connection:
            own = records.own_document(connection, document.name, None)
            if source is None and records.same_text(connection, own, records.text_digest(document)):
                return False
        values = {column.kind: column.compute(passages) for column in derived}
        return self.put(document, passages, values, source=source).status != "duplicate"

    def remove(
        self,
        id_or_name: str,
        *,
        also: Callable[[sqlite3.Connection, Removal], object] | None = None,
        erase: bool = True,
    ) -> Removal:
        """Delete a document, its passages and derived rows, and overwrite their bytes.

        ``also`` is called inside the transaction and may write to other tables. ``Removal.erased`` is False where
        readers needed old pages all the time: then the next write or ``close`` by any process overwrites them. Without
        ``erase``, this does not try, for removing many. Index files are brought in step by whoever owns them.
        Raises ``DocumentNotFound``, ``LibraryBusy``.
        """
        with self._connections.writing() as connection:
            version = records.version(connection) + 1
            removal = records.delete_document(connection, records.find_document(connection, id_or_name), version)
            records.set_version(connection, version)
            secure_delete.request_erase(connection)
            if also is not None:
                also(connection, removal)
        return replace(removal, erased=erase and secure_delete.erase(self._connections))

    def find(self, name: str) -> DocumentInfo | None:
        """The document of that name, if there is one."""
        with self._connections.reading() as connection:
            return records.info_where(connection, "name", name)

    def find_same_text(self, document: Document) -> DocumentInfo | None:
        """The stored document that has the same text, whatever it is called."""
        with self._connections.reading() as connection:
            return records.info_where(connection, "digest", records.text_digest(document))

    def documents(self) -> list[DocumentInfo]:
        """All documents, in the order of their names."""
        with self._connections.reading() as connection:
            return records.all_infos(connection)

    def document(self, id_or_name: str) -> Document:
        """One document by id or name. Raises ``DocumentNotFound``."""
        with self._connections.reading() as connection:
            info = records.find_document(connection, id_or_name)
            text, metadata, marks = connection.execute(
                "SELECT text, metadata, marks FROM documents WHERE id = ?", (info.id,)
            ).fetchone()
            return Document(
                info.id, info.name, text, records.metadata_from_json(metadata), records.marks_from_json(marks)
            )

    def sources(self) -> list[StoredSource]:
        """The files that documents were read from, with their documents, in the order of their paths."""
        with self._connections.reading() as connection:
            return records.sources(connection)

    def source_of(self, path: str) -> StoredSource | None:
        """The document that was read from this path, with the file as it was then; None if there is none."""
        with self._connections.reading() as connection:
            stored = records.sources(connection, path)
            return stored[-1] if stored else None

    def add_derived(self, derived: Derived, rows: Sequence[int]) -> int:
        """Compute and store one kind for these rows, in one transaction; how many of them were still there."""
        passages = self.passages(rows)
        values = derived.compute([stored.passage for stored in passages])
        with self._changing() as connection:
            before = connection.total_changes
            connection.executemany(
                "INSERT OR REPLACE INTO derived (kind, row, value) SELECT ?, row, ? FROM passages WHERE row = ?",
                [(derived.kind, value, stored.row) for stored, value in zip(passages, values, strict=True)],
            )
            return connection.total_changes - before

    def drop_derived(self, kind: str) -> None:
        """Delete all rows of one kind."""
        with self._changing() as connection:
            current = f"SELECT row FROM passages WHERE generation = {records.CURRENT_GENERATION}"
            connection.execute(f"DELETE FROM derived WHERE kind = ? AND row IN ({current})", (kind,))

    def setting(self, key: str) -> str | None:
        """A setting of this corpus, such as the encoder it was built with; none if it was never set."""
        with self._connections.reading() as connection:
            return records.setting(connection, key)

    def set_setting(self, key: str, value: str) -> None:
        """Keep a setting with the corpus."""
        with self._changing() as connection:
            records.set_setting(connection, key, value)

    def chunking(self) -> Chunking | None:
        """How the texts are chunked; None before the first document."""
        stored = self.setting(records.CHUNKING)
        return None if stored is None else Chunking(**json.loads(stored))

    def set_chunking(self, chunking: Chunking) -> None:
        """Store how the texts are chunked. Changing it later takes ``corpora.store.generations``."""
        self.set_setting(records.CHUNKING, json.dumps(asdict(chunking)))

    def encoder(self) -> str | None:
        """The name of the encoder that made the passages' vectors; None before the first document."""
        return self.setting(records.ENCODER)

    def set_encoder(self, name: str) -> None:
        """Store the name of the encoder that made the vectors."""
        self.set_setting(records.ENCODER, name)

    def version(self) -> int:
        """A number that grows with every committed change by any process."""
        with self._connections.reading() as connection:
            return records.version(connection)

    @contextmanager
    def snapshot(self) -> Iterator[int]:
        """Everything that this thread reads inside is of one version, which is yielded. No writing inside."""
        with self._connections.reading() as connection:
            yield records.version(connection)

    def compact(self) -> bool:
        """Overwrite what was deleted, and give free room back. False if a reader needs old pages."""
        return secure_delete.compact(self._connections)

    def checkpoint(self) -> bool:
        """Bring everything into the one file of the database and store its checksum. False if others are using it."""
        return secure_delete.checkpoint(self._connections)

    def close(self) -> None:
        """Erase what is pending, checkpoint what was written, and close. The corpus must be opened again to be used."""
        secure_delete.try_erase(self._connections)  # This store may have been the reader that a removal waited for.
        if self._connections.has_written:
            secure_delete.checkpoint(self._connections, wait_s=_CLOSING_WAIT_S)
        self._connections.close()

    def _require(self, connection: sqlite3.Connection, chunking: Chunking | None, generation: int | None) -> None:
        """Passages of two chunkings must not be mixed: store the first, refuse another. Raises ``ChunkingChanged``."""
        stored = records.setting(connection, records.CHUNKING)
        if chunking is not None and stored is None:
            records.set_setting(connection, records.CHUNKING, json.dumps(asdict(chunking)))
        elif chunking is not None and stored is not None and chunking != Chunking(**json.loads(stored)):
            raise _chunking_changed(self.name, Chunking(**json.loads(stored)), chunking)
        if generation is not None and generation != records.generation(connection):
            raise ChunkingChanged(f"{self.name} was rebuilt while this file was being read", hint="add the file again")

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that increases the version if it changes anything."""
        with self._connections.writing() as connection:
            version, before = records.version(connection) + 1, connection.total_changes
            yield connection
            if connection.total_changes > before:
                records.set_version(connection, version)
        secure_delete.try_erase(self._connections)


def _replace_or_insert(
    connection: sqlite3.Connection,
    document: Document,
    passages: Sequence[Passage],
    values: Mapping[str, Sequence[bytes]],
    source: SourceFile | None,
    moved_from: str | None,
) -> Put:
    """Write a document, replacing the one that the file or name had before, unless its text is stored already."""
    path = None if source is None else source.path
    old = records.own_document(connection, document.name, path, moved_from)
    twin = records.same_text(connection, old, records.text_digest(document))
    if twin is not None:
        if source is not None and twin.id == moved_from:
            twin = records.move_document(connection, twin, document.name, source)
        elif source is not None and old is not None:
            records.set_source(connection, twin.id, source)
        return Put("duplicate", twin, twin.passages, is_own=old is not None)
    version = records.version(connection) + 1
    name = document.name if old is None or old.id == moved_from else old.name
    if old is not None:
        records.delete_document(connection, old, version)
    document = replace(
        document, name=records.free_name(connection, name, path), id=records.unused_id(connection, document)
    )
    number = records.insert_document(connection, document, source=source)
    records.insert_passages(connection, number, passages, values, generation=records.generation(connection))
    records.set_version(connection, version)
    info = records.info_where(connection, "id", document.id)
    assert info is not None, "it was just written"
    return Put("added" if old is None else "replaced", info, len(passages), is_own=old is not None)


def _check_lengths(passages: Sequence[Passage], values: Mapping[str, Sequence[bytes]]) -> None:
    for kind, rows in values.items():
        if len(rows) != len(passages):
            raise UnstorableDocument(
                f"{kind} gave {count(len(rows), 'row')} for {count(len(passages), 'passage')}",
                hint="report this as a bug of the part that computes them",
            )


def _chunking_changed(name: str, stored: Chunking, wanted: Chunking) -> ChunkingChanged:
    return ChunkingChanged(
        f"{name} is cut at {count(stored.target_chars, 'character')} (overlap: {stored.overlap_sentences}), "
        f"not at {wanted.target_chars} (overlap: {wanted.overlap_sentences})",
        hint=f"run `spandraft corpus rebuild {in_shell(name)} --chunk-chars {wanted.target_chars} "
        f"--chunk-overlap {wanted.overlap_sentences}`, or add the files with the corpus' own chunking",
    )
