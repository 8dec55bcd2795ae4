"""Passages by words: BM25 over the terms of ``retrieval.terms``.

Lucene's variant (C. Kamphuis, A. P. de Vries, L. Boytsov, J. Lin: Which BM25 Do You Mean?, ECIR 2020), scored at query
time, because every passage that is added or removed changes the scores of all. Knows rows (integers of the library)
and texts, not vectors or documents. N rows of a segment, P postings, K results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.postings import PostingSegment, fingerprints
from retrieval.segments import LiveSegment, Segments
from retrieval.terms import query_terms, terms

TERMS: Final = "terms:1"
"""The kind of the index file. What ``retrieval.terms`` gives for a text belongs to it: another number if it changes."""

K1: Final = 1.5  # how soon a repeated word counts no more
B: Final = 0.75  # how much a long passage is discounted


class LexicalIndex:
    """Terms by row. Not thread-safe; its owner holds a lock."""

    def __init__(self, live: Sequence[LiveSegment[PostingSegment]] = ()) -> None:
        self.segments = Segments(live)

    def __len__(self) -> int:
        return len(self.segments)

    def add(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Add passages under new row numbers."""
        assert len(rows) == len(texts), "one row number for each text"
        if rows:
            self.segments.add(PostingSegment.of(rows, [terms(text) for text in texts]))

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many were removed."""
        return self.segments.remove(rows)

    def search(self, questions: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        """For each question the at most ``k`` best (row, score > 0), best first, ties by the lower row."""
        segments = self.segments.live
        count = sum(int(live.alive_N.sum()) for live in segments)
        length = sum(int(live.segment.lengths_N[live.alive_N].sum()) for live in segments)
        if k < 1 or not length:
            return [[] for _ in questions]
        scorer = _Scorer(segments, count, length / count)
        return [scorer.best(query_terms(question), k) for question in questions]


class _Scorer:
    """Scores one state of the index: ``count`` passages of ``average`` terms."""

    def __init__(self, segments: Sequence[LiveSegment[PostingSegment]], count: int, average: float) -> None:
        self._segments = segments
        self._count = count
        self._average = average

    def best(self, query: Sequence[str], k: int) -> list[tuple[int, float]]:
        """The at most ``k`` best (row, score) for the terms of a query; a term that occurs twice counts twice."""
        scores = [np.zeros(len(live.segment.rows_N), dtype=np.float32) for live in self._segments]
        scored: dict[int, list[tuple[NDArray[np.int32], NDArray[np.float32]]]] = {}
        for term in fingerprints(query):
            if int(term) not in scored:
                scored[int(term)] = self._scores_of(term)
            for scores_N, (positions_P, term_scores_P) in zip(scores, scored[int(term)], strict=True):
                scores_N[positions_P] += term_scores_P
        return _best([live.segment.rows_N for live in self._segments], scores, k)

    def _scores_of(self, term: np.uint64) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """For each segment the positions in ``rows_N`` that have the term, and what it adds to their scores."""
        postings: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        for live in self._segments:
            span = live.segment.postings(term)
            positions_P, counts_P = live.segment.positions_P[span], live.segment.counts_P[span]
            if not live.is_whole:
                alive_P = live.alive_N[positions_P]
                positions_P, counts_P = positions_P[alive_P], counts_P[alive_P]
            postings.append((positions_P, counts_P))
        frequency = sum(len(positions_P) for positions_P, _ in postings)
        # As float32, so that the sums are those of bm25s to the last bit.
        weight = float(np.float32(math.log(1 + (self._count - frequency + 0.5) / (frequency + 0.5))))
        scores = []
        for live, (positions_P, counts_P) in zip(self._segments, postings, strict=True):
            discount_P = K1 * ((1 - B) + B * live.segment.lengths_N[positions_P] / self._average)
            scores.append((positions_P, (weight * (counts_P / (discount_P + counts_P))).astype(np.float32)))
        return scores


def _best(rows: Sequence[NDArray[np.int64]], scores: Sequence[NDArray[np.float32]], k: int) -> list[tuple[int, float]]:
    all_rows_N, scores_N = np.concatenate(rows), np.concatenate(scores)
    if k < len(scores_N):
        least = float(np.partition(scores_N, -k)[-k])
        candidates = np.flatnonzero((scores_N >= least) & (scores_N > 0))  # more than k if some tie at the cut
    else:
        candidates = np.flatnonzero(scores_N > 0)
    order_K = np.lexsort((all_rows_N[candidates], -scores_N[candidates]))[:k]
    return [(int(all_rows_N[i]), float(scores_N[i])) for i in candidates[order_K]]
