"""Search as a loop over everything: cosine, BM25 by its formula, and both weighed. Knows no index and no store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from corpora.documents import Passage
from retrieval.terms import query_terms, searched_text, terms
from tests.crash.words import WordEncoder

K1, B, SHARE, DEPTH = 1.5, 0.75, 0.3, 50
NEAR = 1e-5  # Scores of float32: what is nearer than this may come in either order.


def hits(passages: Sequence[Passage], query: str, k: int) -> list[str] | None:
    """Ids of the best ``k`` of the passages, which are in the order of their rows. None if it hangs on rounding."""
    by_meaning, added = cosines(passages, query), bm25(passages, query)
    by_words = {row: sum(parts) for row, parts in added.items()}
    if near_tie(by_meaning) or near_tie(by_words) or equal_products(by_meaning) or equal_sums(added):
        return None
    cosine, words = (
        {row: scores[row] for row in sorted(scores, key=lambda row: (-scores[row], row))[: max(k, DEPTH)]}
        for scores in (by_meaning, {row: score for row, score in by_words.items() if score > 0})
    )
    lowest, best = min(cosine.values(), default=0.0), max(words.values(), default=1.0)
    fused = {
        row: (1 - SHARE) * cosine.get(row, lowest) + SHARE * words.get(row, 0.0) / best for row in {*cosine, *words}
    }
    if near_tie(fused):
        return None
    return [passages[row].id for row in sorted(fused, key=lambda row: (-fused[row], row))[:k]]


def near_tie(scores: dict[int, float]) -> bool:
    """Two scores that are nearly, but not quite, the same."""
    ordered = sorted(scores.values())
    return any(0 < high - low < NEAR for low, high in pairwise(ordered))


def equal_products(scores: dict[int, float]) -> bool:
    """Products that are the same here may differ in their last bit in FAISS, which adds in an order of its own."""
    ordered = sorted(scores.values())
    return any(low == high != 0.0 for low, high in pairwise(ordered))


def equal_sums(added: dict[int, tuple[float, ...]]) -> bool:
    """Sums that are the same here may differ in float32, unless the same is added; the first two in either order."""
    parts_of: dict[float, set[tuple[float, ...]]] = {}
    for parts in added.values():
        parts_of.setdefault(sum(parts), set()).add((*sorted(parts[:2]), *parts[2:]))
    return any(len(parts) > 1 for parts in parts_of.values())


def cosines(passages: Sequence[Passage], query: str) -> dict[int, float]:
    encoder = WordEncoder()
    (query_D,) = encoder.encode_queries([query])
    vectors_ND = encoder.encode_passages([passage.text for passage in passages])
    return {row: float(sum(map(float, vector_D * query_D))) for row, vector_D in enumerate(vectors_ND)}


def bm25(passages: Sequence[Passage], query: str) -> dict[int, tuple[float, ...]]:
    """Lucene's variant: what each term of the query that a passage holds adds to its score."""
    counts = [Counter(terms(searched_text(passage))) for passage in passages]
    mean = sum(map(Counter.total, counts)) / max(1, len(counts))
    added: dict[int, list[float]] = {row: [] for row in range(len(counts))}
    for term in query_terms(query):
        holding = sum(term in count for count in counts)
        weight = math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))
        for row, count in enumerate(counts):
            if term in count:
                added[row].append(weight * count[term] / (count[term] + K1 * (1 - B + B * count.total() / mean)))
    return {row: tuple(parts) for row, parts in added.items()}
