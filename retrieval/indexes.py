"""Both indexes of one corpus, kept in step with its store, and their files.

Before a search they are brought to the store's version: what is new is added, what is gone is forgotten. Opening reads
the files and, from the store, what came after them. Files are written beside searches. Knows rows, texts and vectors,
not questions. Any thread may use it.
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
from corpora.store import atomic_write, schema
from corpora.store.index_files import IndexFolder
from retrieval.dense import VECTORS, DenseIndex, VectorSegment, read_vectors, vectors_kind
from retrieval.errors import EncoderChanged, RetrievalError
from retrieval.index_file import CorpusSnapshot, KeptIndex, holds_only
from retrieval.interfaces import Encoder, PassageStore
from retrieval.lexical import TERMS, LexicalIndex
from retrieval.postings import PostingSegment
from retrieval.segments import B, Part, Segments, merged

log = logging.getLogger(__name__)

_BATCH: Final = 2048  # passages or vectors in memory at a time while an index is made
_FEW: Final = 256

T = TypeVar("T")
Ranking = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Passages in the indexes, and how many of them came or went since the files were written."""

    held: int
    added: int
    gone: int


class Indexes:
    """FAISS and BM25 over one store. Passages without a vector are found by their words."""

    _version: int
    _generation: int
    _last_row: int
    _added: int
    _gone: int

    def __init__(self, store: PassageStore, encoder: Encoder) -> None:
        self._store = store
        self._encoder = encoder
        self._files = IndexFolder(store.folder / "indexes")
        self._database = _database_of(store)
        self._lock = threading.Lock()  # never held while a file is written
        self._begin_anew()

    def __len__(self) -> int:
        """How many passages there were at the last ``refresh``."""
        return len(self.lexical)

    def unwritten(self) -> Unwritten:
        """What the files do not know yet."""
        return Unwritten(len(self.lexical), self._added, self._gone)

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

    def settle(self, *, removed: bool = False) -> None:
        """Write the files that are not up to date. Afterwards nothing of a passage that is gone stands in any.

        After a removal that must not fail: a file that cannot be rewritten is deleted, and made anew when it is asked
        for. Raises what ``refresh`` raises, and ``LibraryError`` if the folder cannot be written to.
        """
        try:
            self._settle(removed)
        except OSError as error:
            raise LibraryError(
                f"{self._files.folder} cannot be written to: {error.strerror}",
                hint="free some space or check its permissions; nothing is lost, the index is made when it is needed",
            ) from error

    def _settle(self, removed: bool) -> None:
        try:
            self.refresh()
        except (RetrievalError, LibraryError) as error:
            if not removed:
                raise
            log.warning("the index files of corpus %s are deleted, not rewritten: %s", self._store.name, error)
            with self._files.writing():
                self._delete_what_is_gone(CorpusSnapshot.of(self._store))
            return
        if self._database != _database_of(self._store):
            raise LibraryError(f"corpus {self._store.name} was replaced by another", hint="open it again")
        with self._files.writing():
            try:
                self._write()
            except (OSError, LibraryError) as error:
                self._delete_what_is_gone(CorpusSnapshot.of(self._store))
                if not removed:
                    raise
                log.warning("the index files of corpus %s could not be rewritten: %s", self._store.name, error)

    def _write(self) -> None:
        """Inside ``writing()``: whoever removes something from here on writes after this."""
        with self._lock:
            dense, lexical = self._dense_file(), self._lexical_file()
            generation, added, gone = self._generation, self._added, self._gone
            by_meaning, by_words = self.dense.blocks, self.lexical.blocks
            before = by_meaning.parts, by_words.parts
        now = CorpusSnapshot.of(self._store)  # later than the parts: what it does not know is gone and not new
        if generation != now.generation:  # It was rebuilt this moment, by another process, which writes its files.
            self._delete_what_is_gone(now)
            return
        self._write_one(dense, by_meaning, before[0], now)
        self._write_one(lexical, by_words, before[1], now)
        for path in self._files.paths():
            if path not in (dense.path, lexical.path):
                atomic_write.remove_file(path)
        with self._lock:
            self._added, self._gone = self._added - added, self._gone - gone

    def _write_one(
        self, kept: KeptIndex[B], blocks: Segments[B], before: Sequence[Part[B]], now: CorpusSnapshot
    ) -> None:
        left = [part for part in (part.only(now.rows_P) for part in before) if part.alive_N.any()]
        if not left:
            atomic_write.remove_file(kept.path)
            return
        block = merged(left)
        if not kept.is_of(block, now):
            kept.save(block, now)
        with self._lock:
            blocks.replace(before, block)

    def _delete_what_is_gone(self, now: CorpusSnapshot) -> None:
        for path in self._files.paths():
            if not holds_only(path, now):
                atomic_write.remove_file(path)

    def _begin_anew(self) -> None:
        self.dense = DenseIndex()
        self.lexical = LexicalIndex()
        self._without_vector: set[int] = set()
        self._version = self._generation = -1
        self._last_row = self._added = self._gone = 0

    def _open(self) -> None:
        """From the files, and from the store what they do not hold. No snapshot is held: this may take long."""
        self._begin_anew()
        now = CorpusSnapshot.of(self._store)
        vectors = self._dense_file().load(now)
        self.dense = DenseIndex([vectors] if vectors is not None else [])
        self._without_vector = set(np.setdiff1d(now.rows_P, self.dense.blocks.rows()).tolist())
        self._add_vectors()
        words = self._lexical_file().load(now)
        self.lexical = LexicalIndex([words] if words is not None else [])
        missing = np.setdiff1d(now.rows_P, self.lexical.blocks.rows()).tolist()
        for rows in _batches(missing):
            found = self._store.passages(rows)
            self.lexical.add([stored.row for stored in found], [stored.passage.text for stored in found])
        self._added = len(missing)
        self._gone = 0 if words is None else int((~words.alive_N).sum())
        self._last_row = int(now.rows_P.max(initial=0))
        self._version, self._generation = now.version, now.generation

    def _follow(self, version: int) -> None:
        """What a later version changed while this runs is seen now or next time, and may be seen twice."""
        gone = self._store.removed_since(self._version)
        self.dense.remove(gone)
        self._gone += self.lexical.remove(gone)
        self._without_vector.difference_update(gone)
        for found in _batches(self._store.passages_after(self._last_row)):
            rows = [stored.row for stored in found]
            self.lexical.add(rows, [stored.passage.text for stored in found])
            self._without_vector.update(rows)
            self._added += len(rows)
            self._last_row = rows[-1]
        self._add_vectors()
        self._version = version

    def _add_vectors(self) -> None:
        """Vectors may be stored later than their passages, so look for all that are still missing."""
        wanted, kind = self._without_vector, vectors_kind(self._encoder.name)
        if not wanted:
            return
        for batch in _batches(self._vectors(kind, wanted)):
            self.dense.add([row for row, _ in batch], read_vectors([value for _, value in batch]))
            wanted.difference_update(row for row, _ in batch)
        others = [other for other in self._store.derived_kinds() if other.startswith(VECTORS) and other != kind]
        if wanted and others:
            raise EncoderChanged(
                corpus=self._store.name, stored=others[0].removeprefix(VECTORS), wanted=self._encoder.name
            )

    def _vectors(self, kind: str, wanted: set[int]) -> Iterator[tuple[int, bytes]]:
        """(row, value) of the wanted rows that have one."""
        if len(wanted) > _FEW:
            yield from ((row, value) for row, value in self._store.derived(kind, min(wanted) - 1) if row in wanted)
            return
        found = self._store.passages(sorted(wanted))
        values = self._store.derived_of(kind, [stored.passage for stored in found])
        for stored in found:
            if stored.passage.id in values:
                yield stored.row, values[stored.passage.id]

    def _dense_file(self) -> KeptIndex[VectorSegment]:
        return KeptIndex(self._files, vectors_kind(self._encoder.name), VectorSegment)

    def _lexical_file(self) -> KeptIndex[PostingSegment]:
        return KeptIndex(self._files, TERMS, PostingSegment)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _database_of(store: PassageStore) -> tuple[int, int]:
    """The file itself: another one of the same name is another corpus."""
    found = os.stat(store.folder / schema.FILE_NAME)
    return found.st_dev, found.st_ino
