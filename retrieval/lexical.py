"""Passages by words: BM25 over the terms of ``retrieval.terms``.

Lucene's variant (C. Kamphuis, A. P. de Vries, L. Boytsov, J. Lin: Which BM25 Do You Mean?, ECIR 2020), scored when it
is asked for, since every passage that comes or goes changes the scores of all. Knows rows (integers of the library)
and texts, not vectors or documents. N rows of a block, P postings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.postings import PostingSegment, fingerprints
from retrieval.segments import Part, Segments
from retrieval.terms import query_terms, terms

TERMS: Final = "terms:1"
"""The kind of the index file. What ``retrieval.terms`` gives for a text belongs to it: another number if it changes."""

K1: Final = 1.5  # how soon a word that is repeated counts no more
B: Final = 0.75  # how much a long passage is discounted


class LexicalIndex:
    """Terms by row. Not thread-safe; its owner holds a lock."""

    def __init__(self, parts: Sequence[Part[PostingSegment]] = ()) -> None:
        self.blocks = Segments(parts)

    def __len__(self) -> int:
        return len(self.blocks)

    def add(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Add passages under new row numbers."""
        assert len(rows) == len(texts), "one row number for each text"
        if rows:
            self.blocks.add(PostingSegment.of(rows, [terms(text) for text in texts]))

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many went."""
        return self.blocks.remove(rows)

    def search(self, questions: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        """For each question the at most ``k`` best (row, score > 0), best first, ties by the lower row."""
        parts = self.blocks.parts
        count = sum(int(part.alive_N.sum()) for part in parts)
        length = sum(int(part.block.lengths_N[part.alive_N].sum()) for part in parts)
        if k < 1 or not length:
            return [[] for _ in questions]
        scorer = _Scorer(parts, count, length / count)
        return [scorer.best(query_terms(question), k) for question in questions]


class _Scorer:
    """The parts as they are now; ``count`` passages of ``average`` terms."""

    def __init__(self, parts: Sequence[Part[PostingSegment]], count: int, average: float) -> None:
        self._parts = parts
        self._count = count
        self._average = average

    def best(self, wanted: Sequence[str], k: int) -> list[tuple[int, float]]:
        """A term that is asked for twice counts twice."""
        scores = [np.zeros(len(part.block.rows_N), dtype=np.float32) for part in self._parts]
        known: dict[int, list[tuple[NDArray[np.int32], NDArray[np.float32]]]] = {}
        for term in fingerprints(wanted):
            if int(term) not in known:
                known[int(term)] = self._of_term(term)
            for scores_N, (places_P, term_scores_P) in zip(scores, known[int(term)], strict=True):
                scores_N[places_P] += term_scores_P
        return _best([part.block.rows_N for part in self._parts], scores, k)

    def _of_term(self, term: np.uint64) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """For each part the places that have the term, and what it adds to their scores."""
        held: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        for part in self._parts:
            span = part.block.postings(term)
            places_P, counts_P = part.block.places_P[span], part.block.counts_P[span]
            if not part.is_whole:
                kept_P = part.alive_N[places_P]
                places_P, counts_P = places_P[kept_P], counts_P[kept_P]
            held.append((places_P, counts_P))
        holding = sum(len(places_P) for places_P, _ in held)
        # As float32, so that the sums are those of bm25s to the last bit.
        weight = float(np.float32(math.log(1 + (self._count - holding + 0.5) / (holding + 0.5))))
        found = []
        for part, (places_P, counts_P) in zip(self._parts, held, strict=True):
            discount_P = K1 * ((1 - B) + B * part.block.lengths_N[places_P] / self._average)
            found.append((places_P, (weight * (counts_P / (discount_P + counts_P))).astype(np.float32)))
        return found


def _best(rows: Sequence[NDArray[np.int64]], scores: Sequence[NDArray[np.float32]], k: int) -> list[tuple[int, float]]:
    all_rows_N, scores_N = np.concatenate(rows), np.concatenate(scores)
    if k < len(scores_N):
        least = float(np.partition(scores_N, -k)[-k])
        at_N = np.flatnonzero((scores_N >= least) & (scores_N > 0))  # more than k if some tie at the cut
    else:
        at_N = np.flatnonzero(scores_N > 0)
    order_K = np.lexsort((all_rows_N[at_N], -scores_N[at_N]))[:k]
    return [(int(all_rows_N[at]), float(scores_N[at])) for at in at_N[order_K]]
