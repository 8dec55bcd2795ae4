"""The default retriever: vectors and words, fused by score, over a corpus that may change at any time.

Knows a store, an encoder and two indexes that are kept in step with the store. Any thread may use it; searches run one
at a time. Q queries, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.background_writer import BackgroundWriter, WritePolicy
from retrieval.errors import EmptyCorpus
from retrieval.fusion import convex_fusion
from retrieval.indexes import Indexes
from retrieval.interfaces import Encoder, Hit, PassageStore, Query, Spelled
from retrieval.spelling import EnglishWords, Spelling

_MIN_DEPTH: Final = 50  # of each ranking that are fused at least
_TRIES: Final = 4  # searches, if the corpus changes between searching and reading the passages
_POLICY: Final = WritePolicy()


class HybridRetriever:
    """A ``Retriever``: FAISS and BM25 over one store. A hit's score is that of ``convex_fusion``.

    Passages that have no vector yet, and of no other encoder either, are found by their words. Without a ``policy``
    index files are written by ``write_files`` alone. Without ``english`` questions are taken as they are spelled.
    """

    def __init__(
        self,
        store: PassageStore,
        encoder: Encoder,
        *,
        policy: WritePolicy | None = _POLICY,
        english: EnglishWords | None = None,
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._english = english
        self._indexes = Indexes(store, encoder)
        self._writer: BackgroundWriter | None = None
        if policy is not None:
            unwritten, write = self._indexes.unwritten, self._indexes.write_files
            self._writer = BackgroundWriter(policy, unwritten=unwritten, write=write, name=store.name)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """For each query the at most ``k`` best hits, best first, ties by the older passage.

        Raises ``EmptyCorpus``, ``EncoderChanged``, ``DamagedIndex`` and what the encoder raises.
        """
        if k < 1 or not queries:
            return [[] for _ in queries]
        spelled = [self.spelled(query).text for query in queries]
        return self._search(spelled, lambda: self._encoder.encode_queries(spelled), k)

    def find(self, query: Query, k: int) -> list[Hit]:
        """The at most ``k`` best hits of one question, as ``search``; it is embedded only if it was not before."""
        return self._search([query.spelled], lambda: query.vector_D[None], k)[0] if k > 0 else []

    def spelled(self, question: str) -> Spelled:
        """A question in the spelling of the corpus. Raises what ``search`` raises."""
        if self._english is None:
            return Spelled(question)
        self._refresh()
        words = self._indexes.lexical.words(self._texts)
        return Spelling(words, self._english)(question)

    def _search(self, queries: Sequence[str], embed: Callable[[], NDArray[np.float32]], k: int) -> list[list[Hit]]:
        self._refresh()  # before embedding: an empty corpus costs no loading of the encoder
        queries_QD = embed()
        for tries_left in reversed(range(_TRIES)):
            version = self._refresh()
            rankings = self._indexes.search(queries, queries_QD, max(k, _MIN_DEPTH))
            fused = [convex_fusion(by_meaning, by_words) for by_meaning, by_words in rankings]
            with self._store.snapshot() as now:
                results = [self._hits(ranking, k) for ranking in fused]
            # Of a document that was replaced meanwhile, neither the old nor the new text would be found.
            if now == version or not tries_left or all(complete for _, complete in results):
                break
        if self._writer is not None:
            self._writer.asked()
        return [hits for hits, _ in results]

    def write_files(self, *, after_removal: bool = False) -> None:
        """Write the index files now: at the end of a job, and after a removal, of which nothing stays in them.

        ``after_removal``: files that cannot be rewritten are deleted instead. Raises ``LibraryError`` and what
        ``search`` raises, except ``EmptyCorpus``.
        """
        self._indexes.write_files(after_removal=after_removal)

    def wait(self) -> None:
        """Wait for index files that are being written beside the questions."""
        if self._writer is not None:
            self._writer.wait()

    def _texts(self, rows: Sequence[int]) -> list[str]:
        return [stored.passage.text for stored in self._store.passages(rows)]

    def _refresh(self) -> int:
        version = self._indexes.refresh()
        if not len(self._indexes):
            raise EmptyCorpus
        return version

    def _hits(self, ranked: Sequence[tuple[int, float]], k: int) -> tuple[list[Hit], bool]:
        """The best ``k`` that still exist, and whether none before them was missing."""
        scores = dict(ranked)
        hits: list[Hit] = []
        complete = True
        for part in (ranked[:k], ranked[k:]):
            if len(hits) < k:
                passages = self._store.passages([row for row, _ in part])
                complete &= len(passages) == len(part)
                hits.extend(Hit(stored.passage, scores[stored.row]) for stored in passages)
        return hits[:k], complete
