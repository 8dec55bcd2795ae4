"""The vector index and the word index of one corpus, kept in step with its store, and their files.

Before a search they are brought to the store's version: new passages are added, removed ones dropped. Opening reads the
files and, from the store, what was added after them. Files are written while searches go on. Knows rows, texts and
vectors, not questions. Any thread may use it. Q queries, D dimensions.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from corpora.errors import LibraryError
from corpora.store import schema
from corpora.store.index_files import IndexFolder
from retrieval.dense import VECTORS, DenseIndex, VectorSegment, read_vectors, vectors_kind
from retrieval.errors import EncoderChanged, RetrievalError
from retrieval.index_file import CorpusSnapshot, SegmentFile, delete_stale
from retrieval.interfaces import Encoder, PassageStore
from retrieval.lexical import TERMS, LexicalIndex
from retrieval.postings import PostingSegment
from retrieval.segments import LiveSegment, S, Segments, merged
from retrieval.terms import searched_text

log = logging.getLogger(__name__)

_BATCH: Final = 2048  # passages or vectors in memory at a time while an index is made
_FEW: Final = 256  # missing vectors that are looked up one by one instead of scanned for

T = TypeVar("T")
Ranking = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Unwritten:
    """How many passages are indexed, and how many were added and removed since the files were written."""

    indexed: int
    added: int
    removed: int


class Indexes:
    """FAISS and BM25 over one store. Passages without a vector are found by their words."""

    _version: int
    _generation: int
    _last_row: int
    _added: int
    _removed: int

    def __init__(self, store: PassageStore, encoder: Encoder) -> None:
        self._store = store
        self._encoder = encoder
        self._files = IndexFolder(store.folder / "indexes")
        self._database = _database_of(store)
        self._lock = threading.Lock()  # never held while a file is written
        self._reset()

    def __len__(self) -> int:
        """How many passages there were at the last ``refresh``."""
        return len(self.lexical)

    def unwritten(self) -> Unwritten:
        """What has changed since the files were written."""
        return Unwritten(len(self.lexical), self._added, self._removed)

    def refresh(self) -> int:
        """Bring both indexes in step with the store; the version they then have.

        Raises ``EncoderChanged``, ``DamagedIndex``, ``NewerSchema``, ``LibraryError``, ``EncoderNotFound``.
        """
        with self._lock:
            if self._store.version() != self._version:
                with self._store.snapshot() as version:
                    generation = self._store.generation()
                if self._version < 0 or generation != self._generation:
                    self._open()
                else:
                    self._follow(version)
            return self._version

    def search(self, queries: Sequence[str], queries_QD: NDArray[np.float32], k: int) -> list[tuple[Ranking, Ranking]]:
        """For each query the at most ``k`` best rows by meaning and by words."""
        with self._lock:
            return list(zip(self.dense.search(queries_QD, k), self.lexical.search(queries, k), strict=True))

    def write_files(self, *, after_removal: bool = False) -> None:
        """Write the files that are not up to date. Afterwards none holds anything of a removed passage.

        ``after_removal`` this must not fail: a file that cannot be rewritten is deleted, and made anew when
        it is needed. Raises what ``refresh`` raises, and ``LibraryError`` if the folder cannot be written to.
        """
        try:
            self._write_files(after_removal)
        except OSError as error:
            raise LibraryError(
                f"{self._files.folder} cannot be written to: {error.strerror}",
                hint="free some space or check its permissions; nothing is lost, the index is made when it is needed",
            ) from error

    def _write_files(self, after_removal: bool) -> None:
        try:
            self.refresh()
        except (RetrievalError, LibraryError) as error:
            if not after_removal:
                raise
            log.warning("the index files of corpus %s are deleted, not rewritten: %s", self._store.name, error)
            with self._files.writing():
                delete_stale(self._files, CorpusSnapshot.of(self._store))
            return
        if self._database != _database_of(self._store):
            raise LibraryError(f"corpus {self._store.name} was replaced by another", hint="open it again")
        with self._files.writing():
            try:
                self._write()
            except (OSError, LibraryError) as error:
                delete_stale(self._files, CorpusSnapshot.of(self._store))
                if not after_removal:
                    raise
                log.warning("the index files of corpus %s could not be rewritten: %s", self._store.name, error)

    def _write(self) -> None:
        """Inside ``writing()``: whoever removes something from here on writes after this."""
        with self._lock:
            dense, lexical = self._dense_file(), self._lexical_file()
            generation, added, removed = self._generation, self._added, self._removed
            vectors, words = self.dense.segments, self.lexical.segments
            vectors_before, words_before = vectors.live, words.live
        now = CorpusSnapshot.of(self._store)  # later than the segments: rows that it does not have were removed
        if generation != now.generation:  # Another process has just rebuilt the corpus, and writes its files.
            delete_stale(self._files, now)
            return
        self._write_one(dense, vectors, vectors_before, now)
        self._write_one(lexical, words, words_before, now)
        self._files.delete(lambda path: path not in (dense.path, lexical.path))
        with self._lock:
            self._added, self._removed = self._added - added, self._removed - removed

    def _write_one(
        self, file: SegmentFile[S], segments: Segments[S], before: Sequence[LiveSegment[S]], now: CorpusSnapshot
    ) -> None:
        remaining = [live for live in (live.only(now.rows_P) for live in before) if live.alive_N.any()]
        if not remaining:
            self._files.delete(lambda path: path == file.path)
            return
        segment = merged(remaining)
        if not file.holds(segment, now):
            file.save(segment, now)
        with self._lock:
            segments.replace(before, segment)

    def _reset(self) -> None:
        self.dense = DenseIndex()
        self.lexical = LexicalIndex()
        self._without_vector: set[int] = set()
        self._version = self._generation = -1
        self._last_row = self._added = self._removed = 0

    def _open(self) -> None:
        """Load the files, and index from the store what they lack. Holds no snapshot, because it may take long."""
        self._reset()
        now = CorpusSnapshot.of(self._store)
        vectors = self._dense_file().load(now)
        self.dense = DenseIndex([vectors] if vectors is not None else [])
        self._without_vector = set(np.setdiff1d(now.rows_P, self.dense.segments.rows()).tolist())
        self._add_vectors()
        words = self._lexical_file().load(now)
        self.lexical = LexicalIndex([words] if words is not None else [])
        missing = np.setdiff1d(now.rows_P, self.lexical.segments.rows()).tolist()
        for rows in _batches(missing):
            passages = self._store.passages(rows)
            self.lexical.add(
                [stored.row for stored in passages], [searched_text(stored.passage) for stored in passages]
            )
        self._added = len(missing)
        self._removed = 0 if words is None else int((~words.alive_N).sum())
        self._last_row = int(now.rows_P.max(initial=0))
        self._version, self._generation = now.version, now.generation

    def _follow(self, version: int) -> None:
        """Apply the changes since the last version. Changes made meanwhile are applied now or next time, or twice."""
        removed = self._store.removed_since(self._version)
        self.dense.remove(removed)
        self._removed += self.lexical.remove(removed)
        self._without_vector.difference_update(removed)
        for passages in _batches(self._store.passages_after(self._last_row)):
            rows = [stored.row for stored in passages]
            self.lexical.add(rows, [searched_text(stored.passage) for stored in passages])
            self._without_vector.update(rows)
            self._added += len(rows)
            self._last_row = rows[-1]
        self._add_vectors()
        self._version = version

    def _add_vectors(self) -> None:
        """Vectors may be stored later than their passages, so look for all that are still missing."""
        missing, kind = self._without_vector, vectors_kind(self._encoder.name)
        if not missing:
            return
        for batch in _batches(self._vectors(kind, missing)):
            self.dense.add([row for row, _ in batch], read_vectors([value for _, value in batch]))
            missing.difference_update(row for row, _ in batch)
        others = [other for other in self._store.derived_kinds() if other.startswith(VECTORS) and other != kind]
        if missing and others:
            raise EncoderChanged(
                corpus=self._store.name, stored=others[0].removeprefix(VECTORS), wanted=self._encoder.name
            )

    def _vectors(self, kind: str, rows: set[int]) -> Iterator[tuple[int, bytes]]:
        """(row, stored vector) of those of ``rows`` that have one."""
        if len(rows) > _FEW:
            yield from ((row, value) for row, value in self._store.derived(kind, min(rows) - 1) if row in rows)
            return
        passages = self._store.passages(sorted(rows))
        values = self._store.derived_of(kind, [stored.passage for stored in passages])
        for stored in passages:
            if stored.passage.id in values:
                yield stored.row, values[stored.passage.id]

    def _dense_file(self) -> SegmentFile[VectorSegment]:
        return SegmentFile(self._files, vectors_kind(self._encoder.name), VectorSegment)

    def _lexical_file(self) -> SegmentFile[PostingSegment]:
        return SegmentFile(self._files, TERMS, PostingSegment)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _database_of(store: PassageStore) -> tuple[int, int]:
    """Device and inode of the database: another file of the same name is another corpus."""
    status = os.stat(store.folder / schema.FILE_NAME)
    return status.st_dev, status.st_ino
