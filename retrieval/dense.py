"""Nearest passages by vector: exact search over flat FAISS indexes, a segment each, and the vectors stored for them.

Knows rows (integers of the library) and vectors, not texts. N vectors, Q queries, D dimensions, K results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from retrieval.errors import IndexLibraryMissing
from retrieval.interfaces import Encoder
from retrieval.segments import LiveSegment, Segments

VECTORS = "vectors:"
_LITTLE_ENDIAN = np.dtype("<f4")
# A malicious file with a valid hash could ask for any amount of memory.
_LARGEST_VECTOR_BYTES = 1 << 36
_MOST_LOOPS = 1 << 20


class VectorRows:
    """A ``corpora.interfaces.Derived``: the vector of each passage as little-endian float32 bytes."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    @property
    def kind(self) -> str:
        """``vectors:`` and the encoder's name, so that vectors of two encoders never meet."""
        return vectors_kind(self._encoder.name)

    def compute(self, passages: Sequence[Passage]) -> list[bytes]:
        """One vector for each passage, in order."""
        vectors_ND = self._encoder.encode_passages([passage.text for passage in passages])
        return [vector_D.astype(_LITTLE_ENDIAN).tobytes() for vector_D in vectors_ND]


def vectors_kind(encoder_name: str) -> str:
    """The kind under which the library keeps the vectors of an encoder."""
    return VECTORS + encoder_name


def read_vectors(rows: Sequence[bytes]) -> NDArray[np.float32]:
    """What ``VectorRows`` wrote, as (N, D) in this machine's byte order."""
    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(rows), dtype=_LITTLE_ENDIAN).reshape(len(rows), -1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class VectorSegment:
    """A ``Segment``: a FAISS index whose i-th vector is that of ``rows_N[i]``."""

    rows_N: NDArray[np.int64]
    index: Any  # faiss has no type stubs.

    @classmethod
    def of(cls, rows_N: NDArray[np.int64], vectors_ND: NDArray[np.float32]) -> VectorSegment:
        """Unit vectors, one for each row."""
        index = _import_faiss().IndexFlatIP(vectors_ND.shape[1])
        index.add(np.ascontiguousarray(vectors_ND))
        return cls(rows_N, index)

    @property
    def vectors_ND(self) -> NDArray[np.float32]:
        """A view of the index's memory; it must not outlive the segment."""
        flat = _import_faiss().rev_swig_ptr(self.index.get_xb(), self.index.ntotal * self.index.d)
        vectors_ND: NDArray[np.float32] = flat.reshape(self.index.ntotal, self.index.d)
        return vectors_ND

    @classmethod
    def merged(cls, segments: Sequence[VectorSegment], alive: Sequence[NDArray[np.bool_]]) -> VectorSegment:
        """As ``Segment`` says."""
        pairs = list(zip(segments, alive, strict=True))
        rows_N = np.concatenate([segment.rows_N[alive_N] for segment, alive_N in pairs])
        return cls.of(rows_N, np.concatenate([segment.vectors_ND[alive_N] for segment, alive_N in pairs]))

    def packed(self) -> dict[str, NDArray[Any]]:
        """FAISS' own form, in memory: its writing of files does not notice a full disk."""
        return {"faiss": _import_faiss().serialize_index(self.index)}

    @classmethod
    def unpacked(cls, rows_N: NDArray[np.int64], arrays: Mapping[str, memoryview]) -> VectorSegment:
        """As ``Segment`` says."""
        faiss = _import_faiss()
        _limit_reading(faiss)
        try:
            index = faiss.deserialize_index(np.frombuffer(arrays["faiss"], dtype=np.uint8))
        except (KeyError, RuntimeError) as error:
            raise ValueError("it holds no FAISS index") from error
        if not isinstance(index, faiss.IndexFlatIP) or index.ntotal != len(rows_N):
            raise ValueError("its FAISS index is not one of these rows")
        return cls(rows_N, index)

    def nearest(self, alive_N: NDArray[np.bool_], query_D: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """At most ``k`` (row, cosine), best first, ties by the lower row.

        FAISS breaks ties at the cut arbitrarily: more is searched until the cut is no tie.
        """
        count = depth = int(alive_N.sum())
        if not count:
            return []
        options = None if count == len(alive_N) else _only(alive_N)
        if k < count:
            depth = k + 1
        while True:
            depth = min(depth, count)
            scores_1K, indexes_1K = self.index.search(np.ascontiguousarray(query_D[None, :]), depth, params=options)
            scores_K, rows_K = scores_1K[0], self.rows_N[indexes_1K[0]]
            if depth == count or scores_K[-1] < scores_K[k - 1]:
                order_K = np.lexsort((rows_K, -scores_K))[:k]
                return [(int(rows_K[i]), float(scores_K[i])) for i in order_K]
            depth *= 2


class DenseIndex:
    """Vectors by row. Not thread-safe; its owner holds a lock. The first ``add`` fixes D."""

    def __init__(self, live: Sequence[LiveSegment[VectorSegment]] = ()) -> None:
        _import_faiss()
        self.segments = Segments(live)

    def __len__(self) -> int:
        return len(self.segments)

    def add(self, rows: Sequence[int], vectors_ND: NDArray[np.float32]) -> None:
        """Add unit vectors under new row numbers."""
        assert len(rows) == len(vectors_ND), "one row number for each vector"
        if rows:
            self.segments.add(VectorSegment.of(np.asarray(rows, dtype=np.int64), vectors_ND))

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many were removed."""
        return self.segments.remove(rows)

    def search(self, queries_QD: NDArray[np.float32], k: int) -> list[list[tuple[int, float]]]:
        """For each query the at most ``k`` nearest (row, cosine), best first, ties by the lower row."""
        if k < 1:
            return [[] for _ in queries_QD]
        return [self._nearest(query_D, k) for query_D in queries_QD]

    def _nearest(self, query_D: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        found = [hit for live in self.segments.live for hit in live.segment.nearest(live.alive_N, query_D, k)]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:k]


def _only(alive_N: NDArray[np.bool_]) -> Any:
    faiss = _import_faiss()
    return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(np.packbits(alive_N, bitorder="little")))


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise IndexLibraryMissing from error
    return faiss


def _limit_reading(faiss: Any) -> None:
    """Limit what FAISS allocates while it reads, for the whole process; releases before 1.14 have no limits."""
    for name, limit in (("vector_byte_limit", _LARGEST_VECTOR_BYTES), ("loop_limit", _MOST_LOOPS)):
        set_limit = getattr(faiss, f"set_deserialization_{name}", None)
        if set_limit is not None:
            set_limit(limit)
