"""Reciprocal rank fusion: several rankings into one by ranks alone, so that scores need not be comparable.

G. V. Cormack, C. L. A. Clarke, S. Buettcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods, SIGIR 2009. Knows rows only.
"""

from __future__ import annotations

from collections.abc import Sequence

RRF_K = 60  # the paper's constant: large enough that no single first rank decides


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]], *, constant: int = RRF_K) -> list[tuple[int, float]]:
    """Rows with the sum of ``1 / (constant + rank)`` over the rankings that have them, ranks from 1.

    Best first, ties by the lower row. A ranking has a row at most once.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + 1.0 / (constant + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
