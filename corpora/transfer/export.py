"""Exports a corpus as one file that can be given to anybody.

    NAME.spandraft   a zip, nothing in it compressed: manifest.json, documents.jsonl, *.safetensors

Written as a stream, one document in memory at a time. Index files are not exported, since they can be made anew, nor
are the paths that documents were read from. Knows nothing of what vectors mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from corpora.documents import Passage
from corpora.errors import LibraryError
from corpora.store.atomic_write import write_file
from corpora.store.records import SourceFile
from corpora.store.store import CorpusStore
from corpora.transfer.archive import archive_chunks
from corpora.transfer.format import Manifest, Part, document_line
from corpora.transfer.vectors import VectorKind, vector_file

# (documents done, documents in all)
Progress: TypeAlias = Callable[[int, int], None]

DOCUMENTS: Final = "documents.jsonl"
_FLOAT_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; ``kinds`` are those whose vectors were exported."""

    path: Path
    bytes: int
    documents: int
    passages: int
    kinds: tuple[str, ...]


def export_corpus(
    store: CorpusStore, path: Path, vectors: Sequence[VectorKind] = (), *, progress: Progress | None = None
) -> Exported:
    """Write a snapshot of a corpus to ``path``, replacing what is there, all or nothing.

    Vectors of a kind that some passages lack are not exported. Raises ``UnstorableDocument``, ``LibraryError``.
    """
    with store.snapshot():
        export = _Export(store, vectors, progress)
        try:
            write_file(path, export.chunks())
            size = path.stat().st_size
        except OSError as error:
            raise LibraryError(
                f"{path} cannot be written: {error.strerror}", hint="choose another place, or free some space"
            ) from error
    return Exported(
        path, size, len(export.documents), export.passages, tuple(vectors.kind for vectors in export.vectors)
    )


class _Export:
    """One export, inside a snapshot: the same documents and passages however often they are read."""

    def __init__(self, store: CorpusStore, vectors: Sequence[VectorKind], progress: Progress | None) -> None:
        self._store = store
        self._progress = progress
        # The order of rows decides ties in a search, so it is preserved; documents without passages come last.
        self._rows: dict[str, list[int]] = {}
        for row, document_id in store.owners():
            self._rows.setdefault(document_id, []).append(row)
        self.passages = sum(map(len, self._rows.values()))
        for info in store.documents():
            self._rows.setdefault(info.id, [])
        self.documents = list(self._rows)
        self._sources = {stored.document_id: _source(stored.source) for stored in store.sources()}
        whole = [kind for kind in vectors if self.passages and not store.missing_derived(kind.kind)]
        self.vectors = whole if whole and whole[0].one_each else []  # The first has the dimension of all of them.
        self._dimension = self._width(self.vectors[0]) if self.vectors else 0

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the file."""
        parts = {DOCUMENTS: self._lines()}
        for kind in self.vectors:
            row_bytes = self._dimension * _FLOAT_BYTES
            counts = [len(value) // row_bytes for value in self._values(kind)]
            parts[kind.file] = vector_file(counts, self._dimension, self._values(kind))
        return archive_chunks(parts, self._manifest)

    def _lines(self) -> Iterator[bytes]:
        for done, document_id in enumerate(self.documents, start=1):
            document = self._store.document(document_id)
            yield document_line(document, self._passages(document_id), self._sources.get(document_id))
            if self._progress is not None:
                self._progress(done, len(self.documents))

    def _passages(self, document_id: str) -> list[Passage]:
        return [stored.passage for stored in self._store.passages(self._rows[document_id])]

    def _values(self, kind: VectorKind) -> Iterator[bytes]:
        for document_id in self.documents:
            passages = self._passages(document_id)
            values = self._store.derived_of(kind.kind, passages)
            yield from (values[passage.id] for passage in passages)

    def _width(self, kind: VectorKind) -> int:
        return len(next(self._values(kind))) // _FLOAT_BYTES

    def _manifest(self, written: Mapping[str, Part]) -> Manifest:
        kinds = {vectors.file: vectors.kind for vectors in self.vectors}
        parts = {
            name: Part(part.bytes, part.sha256, kinds[name], self._dimension) if name in kinds else part
            for name, part in written.items()
        }
        return Manifest(
            name=self._store.name,
            documents=len(self.documents),
            passages=self.passages,
            chunking=self._store.chunking(),
            encoder=self._store.encoder(),
            parts=parts,
        )


def _source(source: SourceFile) -> dict[str, str | int]:
    """The file that a document was read from, by its content alone: its path is private."""
    return {"bytes": source.bytes, "sha256": source.sha256.hex()}
