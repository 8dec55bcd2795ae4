"""Several rankings into one: by cosine and BM25 for the default retriever, by ranks alone where scores do not compare.

S. Bruch, S. Gai, A. Ingber: An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023: a weighted sum of scores
that were put on one scale finds more than ranks do. G. V. Cormack, C. L. A. Clarke, S. Buettcher: Reciprocal Rank
Fusion outperforms Condorcet and individual Rank Learning Methods, SIGIR 2009. Knows rows and scores only.
"""

from __future__ import annotations

from collections.abc import Sequence

WORDS_SHARE = 0.3
"""How much the words count against the cosine. `spandraft bench questions` decided: 0.2 to 0.4 differ little."""
RRF_K = 60  # the paper's constant: large enough that no single first rank decides


def convex_fusion(
    by_meaning: Sequence[tuple[int, float]], by_words: Sequence[tuple[int, float]], *, share: float = WORDS_SHARE
) -> list[tuple[int, float]]:
    """Rows with ``(1 - share) * cosine + share * bm25 / best``, where ``best`` is the highest score by words.

    Both are (row, score), best first. A row without a cosine has the lowest that was found, one without words 0. Best
    first, ties by the lower row.
    """
    cosines, words = dict(by_meaning), dict(by_words)
    lowest = min(cosines.values(), default=0.0)
    best = max(words.values(), default=1.0)
    scores = {
        row: (1 - share) * cosines.get(row, lowest) + share * words.get(row, 0.0) / best
        for row in cosines.keys() | words.keys()
    }
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]], *, constant: int = RRF_K) -> list[tuple[int, float]]:
    """Rows with the sum of ``1 / (constant + rank)`` over the rankings that have them, ranks from 1.

    Best first, ties by the lower row. A ranking has a row at most once.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1.0 / (constant + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
