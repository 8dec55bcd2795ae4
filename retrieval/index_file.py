"""One index of a corpus as a file: read when the corpus is opened, written when much has changed.

A file names for each row the passage that it was made from. So a file of another corpus, of an older copy of this one
or of another chunking is never searched, whatever numbers its rows have. Knows nothing of what segments hold.
P passages of a store, N rows of a segment.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic

import numpy as np
from numpy.typing import NDArray

from corpora.errors import DamagedIndex, LibraryError
from corpora.store.corpus_names import in_shell
from corpora.store.index_files import IndexFile, IndexFolder, IndexHeader, load_part
from retrieval.interfaces import PassageStore
from retrieval.segments import LiveSegment, S

log = logging.getLogger(__name__)

ROWS: Final = "rows"
SOURCES: Final = "sources"
"""The arrays of an index file that say what it is made of: rows, and the fingerprints of their passages."""


@dataclass(frozen=True, slots=True, eq=False)
class CorpusSnapshot:
    """All passages of one version of a corpus: their rows in order, and a fingerprint of the id of each."""

    version: int
    generation: int
    rows_P: NDArray[np.int64]
    sources_P: NDArray[np.int64]

    @classmethod
    def of(cls, store: PassageStore) -> CorpusSnapshot:
        """The present version of a store."""
        with store.snapshot() as version:
            generation, ids = store.generation(), store.passage_ids()
        digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for _, name in ids)
        rows_P = np.fromiter((row for row, _ in ids), dtype=np.int64, count=len(ids))
        return cls(version, generation, rows_P, numbers(digests))

    def sources_of(self, rows_N: NDArray[np.int64]) -> NDArray[np.int64]:
        """The fingerprints of rows; 0 for those that are gone."""
        if not self.rows_P.size:
            return np.zeros(len(rows_N), dtype=np.int64)
        positions_N = np.searchsorted(self.rows_P, rows_N).clip(max=len(self.rows_P) - 1)
        return np.where(self.rows_P[positions_N] == rows_N, self.sources_P[positions_N], 0)


class SegmentFile(Generic[S]):
    """The file of one kind of index beside a corpus: one segment, of type ``segment_type``."""

    def __init__(self, folder: IndexFolder, kind: str, segment_type: type[S]) -> None:
        self.path = folder.path(kind)
        self._folder = folder
        self._kind = kind
        self._segment_type = segment_type

    def load(self, now: CorpusSnapshot) -> LiveSegment[S] | None:
        """What the file holds, of which the rows of ``now`` are alive; None if there is no file of this corpus.

        Raises ``DamagedIndex``, ``NewerSchema``.
        """
        file = self._folder.load(self._kind)
        if file is None or file.header.generation != now.generation:
            return None
        try:
            segment, sources_N = self._unpacked(file)
        except ValueError as error:
            corpus = in_shell(self._folder.folder.parent.name)
            raise DamagedIndex(
                f"the index file {self.path} is damaged: {error}",
                hint=f"nothing is lost; make it anew: spandraft corpus rebuild {corpus}",
            ) from error
        sources_now_N = now.sources_of(segment.rows_N)
        alive_N = sources_now_N != 0
        if (sources_now_N[alive_N] != sources_N[alive_N]).any():
            log.warning("%s is of another corpus or of an older copy of this one: it is made anew", self.path)
            return None
        return LiveSegment(segment, alive_N)

    def holds(self, segment: S, now: CorpusSnapshot) -> bool:
        """Whether the file is undamaged and has the rows of ``segment``, all of which are in ``now``."""
        try:
            file = self._folder.load(self._kind, mapped=True)
        except LibraryError:
            return False
        if file is None or file.header.generation != now.generation or not file.parts.keys() >= {ROWS, SOURCES}:
            return False
        rows, sources = numbers(file.parts[ROWS]), numbers(file.parts[SOURCES])
        return np.array_equal(np.sort(rows), np.sort(segment.rows_N)) and np.array_equal(sources, now.sources_of(rows))

    def save(self, segment: S, now: CorpusSnapshot) -> None:
        """Replace the file by one with this segment. Inside ``writing()``. Raises OSError."""
        sources_N = now.sources_of(segment.rows_N)
        assert sources_N.all(), "nothing that is gone is written"
        count = len(segment.rows_N)
        header = IndexHeader(
            kind=self._kind,
            last_row=int(segment.rows_N.max(initial=0)),
            version=now.version,
            generation=now.generation,
            count=count,
        )
        arrays = {ROWS: segment.rows_N.astype("<i8"), SOURCES: sources_N.astype("<i8"), **segment.packed()}
        self._folder.save(header, {name: _bytes_of(array) for name, array in arrays.items()})

    def _unpacked(self, file: IndexFile) -> tuple[S, NDArray[np.int64]]:
        if not file.parts.keys() >= {ROWS, SOURCES}:
            raise ValueError("it names no rows")
        rows_N, sources_N = numbers(file.parts[ROWS]), numbers(file.parts[SOURCES])
        if not len(rows_N) == len(sources_N) == file.header.count:
            raise ValueError("its rows are not as many as it says")
        return self._segment_type.unpacked(rows_N, file.parts), sources_N


def holds_only(path: Path, now: CorpusSnapshot) -> bool:
    """Whether an index file, of whatever kind, certainly holds nothing but passages of ``now``."""
    try:
        rows, sources = load_part(path, ROWS), load_part(path, SOURCES)
    except LibraryError:
        return False
    if rows is None or sources is None or len(rows) != len(sources):
        return False
    sources_now_N = now.sources_of(numbers(rows))
    return bool(sources_now_N.all()) and np.array_equal(sources_now_N, numbers(sources))


def delete_stale(files: IndexFolder, now: CorpusSnapshot) -> None:
    """Delete the index files that hold, or may hold, a passage that is gone. Call it inside ``files.writing()``."""
    files.delete(lambda path: not holds_only(path, now))


def numbers(part: bytes | memoryview) -> NDArray[np.int64]:
    """The rows, or the fingerprints of their sources, as a file stores them."""
    return np.frombuffer(part, dtype="<i8").astype(np.int64)


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """Without a copy if the array is contiguous. An empty array has no view of bytes."""
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")
