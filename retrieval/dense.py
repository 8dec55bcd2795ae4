"""Nearest passages by vector: a flat FAISS index with deletable rows, and the vectors stored for it.

Knows rows (integers of the library) and vectors, not texts. The search is exact: inner products with all.
N vectors, Q queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from retrieval.errors import IndexLibraryMissing
from retrieval.interfaces import Encoder

VECTORS = "vectors:"
_LITTLE_ENDIAN = np.dtype("<f4")


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


class DenseIndex:
    """Vectors by row. Not thread-safe; its owner holds a lock. The first ``add`` fixes D."""

    def __init__(self) -> None:
        # faiss has no type stubs.
        self._faiss: Any = _import_faiss()
        self._index: Any = None

    def __len__(self) -> int:
        return 0 if self._index is None else int(self._index.ntotal)

    def add(self, rows: Sequence[int], vectors_ND: NDArray[np.float32]) -> None:
        """Add unit vectors under new row numbers."""
        assert len(rows) == len(vectors_ND), "one row number for each vector"
        if not rows:
            return
        if self._index is None:
            self._index = self._faiss.IndexIDMap2(self._faiss.IndexFlatIP(vectors_ND.shape[1]))
        self._index.add_with_ids(np.ascontiguousarray(vectors_ND), np.asarray(rows, dtype=np.int64))

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many went."""
        if self._index is None or not rows:
            return 0
        return int(self._index.remove_ids(np.asarray(rows, dtype=np.int64)))

    def search(self, queries_QD: NDArray[np.float32], k: int) -> list[list[tuple[int, float]]]:
        """For each query the at most ``k`` nearest (row, cosine), best first, ties by the lower row."""
        if not len(self) or k < 1:
            return [[] for _ in queries_QD]
        return [self._nearest(query_D[None, :], min(k, len(self))) for query_D in queries_QD]

    def _nearest(self, query_1D: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
        """FAISS breaks ties at the cut as it likes, so look further until the cut is no tie."""
        looked = k + 1
        while True:
            looked = min(looked, len(self))
            scores_1K, rows_1K = self._index.search(np.ascontiguousarray(query_1D), looked)
            scores_K, rows_K = scores_1K[0], rows_1K[0]
            if looked == len(self) or scores_K[-1] < scores_K[k - 1]:
                order_K = np.lexsort((rows_K, -scores_K))[:k]
                return [(int(rows_K[at]), float(scores_K[at])) for at in order_K]
            looked *= 2


def _import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise IndexLibraryMissing from error
    return faiss
