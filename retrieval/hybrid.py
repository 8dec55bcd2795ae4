"""The default retriever: meaning and words, fused by rank, over a corpus that may change at any time.

Knows a store, an encoder and two indexes, which it keeps in step with the store: before a search it looks at the
store's version, adds what is new and forgets what is gone. Searches of several threads take turns.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from retrieval.dense import VECTORS, DenseIndex, read_vectors, vectors_kind
from retrieval.errors import EmptyCorpus, EncoderChanged
from retrieval.fusion import reciprocal_rank_fusion
from retrieval.hits import Hit
from retrieval.interfaces import Encoder, PassageStore
from retrieval.lexical import LexicalIndex

_MIN_DEPTH = 50  # places of each ranking that are fused; far below the first few a place hardly counts


class HybridRetriever:
    """A ``Retriever``: FAISS and BM25 over one store. A hit's score is its sum of reciprocal ranks.

    Passages that have no vector yet, and of no other encoder either, are found by their words.
    """

    def __init__(self, store: PassageStore, encoder: Encoder) -> None:
        self._store = store
        self._encoder = encoder
        self._lock = threading.Lock()
        self._dense = DenseIndex()
        self._lexical = LexicalIndex()
        self._rows: set[int] = set()
        self._without_vector: set[int] = set()
        self._version = -1

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query the at most ``k`` best hits, best first, ties by the older passage.

        Raises ``EmptyCorpus``, ``EncoderChanged`` and what the encoder raises.
        """
        if k < 1 or not queries:
            return [[] for _ in queries]
        self._refresh()
        queries_QD = self._encoder.encode_queries(queries)
        depth = max(k, _MIN_DEPTH)
        with self._lock:
            by_meaning = self._dense.search(queries_QD, depth)
            by_words = self._lexical.search(queries, depth)
        return [
            self._hits(reciprocal_rank_fusion([_rows_of(dense), _rows_of(lexical)]), k)
            for dense, lexical in zip(by_meaning, by_words, strict=True)
        ]

    def _hits(self, ranked: Sequence[tuple[int, float]], k: int) -> list[Hit]:
        """The best ``k`` that still exist: another process may have deleted some since the refresh."""
        scores = dict(ranked)
        hits: list[Hit] = []
        for part in (ranked[:k], ranked[k:]):
            if len(hits) < k:
                found = self._store.passages([row for row, _ in part])
                hits.extend(Hit(stored.passage, scores[stored.row]) for stored in found)
        return hits[:k]

    def _refresh(self) -> None:
        """Bring both indexes in step with the store."""
        kind = vectors_kind(self._encoder.name)
        with self._lock:
            if self._store.version() != self._version:
                with self._store.snapshot() as version:
                    self._forget(self._store.removed_since(self._version))
                    self._add_passages()
                    self._add_vectors(kind)
                    self._version = version
            if not self._rows:
                raise EmptyCorpus

    def _forget(self, rows: Sequence[int]) -> None:
        self._dense.remove(rows)
        self._lexical.remove(rows)
        self._rows.difference_update(rows)
        self._without_vector.difference_update(rows)

    def _add_passages(self) -> None:
        added = list(self._store.passages_after(max(self._rows, default=0)))
        self._lexical.add([stored.row for stored in added], [stored.passage.text for stored in added])
        self._rows.update(stored.row for stored in added)
        self._without_vector.update(stored.row for stored in added)

    def _add_vectors(self, kind: str) -> None:
        """Vectors may be stored later than their passages, so look for all that are still missing."""
        if not self._without_vector:
            return
        stored = self._store.derived(kind, min(self._without_vector) - 1)
        vectors = {row: value for row, value in stored if row in self._without_vector}
        if len(vectors) < len(self._without_vector):
            others = [other for other in self._store.derived_kinds() if other.startswith(VECTORS) and other != kind]
            if others:
                raise EncoderChanged(stored=others[0].removeprefix(VECTORS), wanted=self._encoder.name)
        self._dense.add(list(vectors), read_vectors(list(vectors.values())))
        self._without_vector.difference_update(vectors)


def _rows_of(ranking: Sequence[tuple[int, float]]) -> list[int]:
    return [row for row, _ in ranking]
