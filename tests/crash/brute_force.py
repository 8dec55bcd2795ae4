"""Search as a loop over everything: cosine, BM25 by its formula, and ranks fused. Knows no index and no store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from corpora.documents import Passage
from retrieval.terms import query_terms, terms
from tests.crash.words import WordEncoder

K1, B, RRF, DEPTH = 1.5, 0.75, 60, 50
NEAR = 1e-5  # Scores of float32: what is nearer than this may come in either order.


def hits(passages: Sequence[Passage], query: str, k: int) -> list[str] | None:
    """Ids of the best ``k`` of the passages, which are in the order of their rows. None if it hangs on rounding."""
    by_meaning, by_words = cosines(passages, query), bm25(passages, query)
    if near_tie(by_meaning) or near_tie(by_words) or equal_products(by_meaning):
        return None
    fused: dict[int, float] = {}
    for scores in (by_meaning, {row: score for row, score in by_words.items() if score > 0}):
        best = sorted(scores, key=lambda row: (-scores[row], row))[: max(k, DEPTH)]
        for place, row in enumerate(best, start=1):
            fused[row] = fused.get(row, 0.0) + 1 / (RRF + place)
    return [passages[row].id for row in sorted(fused, key=lambda row: (-fused[row], row))[:k]]


def near_tie(scores: dict[int, float]) -> bool:
    """Two scores that are nearly, but not quite, the same."""
    ordered = sorted(scores.values())
    return any(0 < high - low < NEAR for low, high in pairwise(ordered))


def equal_products(scores: dict[int, float]) -> bool:
    """Products that are the same here may differ in their last bit in FAISS, which adds in an order of its own."""
    ordered = sorted(scores.values())
    return any(low == high != 0.0 for low, high in pairwise(ordered))


def cosines(passages: Sequence[Passage], query: str) -> dict[int, float]:
    encoder = WordEncoder()
    (query_D,) = encoder.encode_queries([query])
    vectors_ND = encoder.encode_passages([passage.text for passage in passages])
    return {row: float(sum(map(float, vector_D * query_D))) for row, vector_D in enumerate(vectors_ND)}


def bm25(passages: Sequence[Passage], query: str) -> dict[int, float]:
    """Lucene's variant."""
    counts = [Counter(terms(passage.text)) for passage in passages]
    mean = sum(map(Counter.total, counts)) / max(1, len(counts))
    scores: dict[int, float] = dict.fromkeys(range(len(counts)), 0.0)
    for term in query_terms(query):
        holding = sum(term in count for count in counts)
        weight = math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))
        for row, count in enumerate(counts):
            if term in count:
                scores[row] += weight * count[term] / (count[term] + K1 * (1 - B + B * count.total() / mean))
    return scores
