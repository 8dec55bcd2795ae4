"""Who judges evidence: the scorer that comes along, where it was learned with the encoder in use.

Knows where its file lies. ``app.training.relevance`` writes it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from retrieval.relevance import CosineRelevance, LearnedRelevance, Relevance

FILE = Path(__file__).parents[1] / "models" / "relevance.npz"


def relevance_for(encoder: str) -> Relevance:
    """The learned scorer for the encoder it knows, and for others their cosines. Raises ``DamagedRelevance``."""
    learned = bundled_relevance()
    return learned if learned.encoder == encoder else CosineRelevance()


@cache
def bundled_relevance() -> LearnedRelevance:
    """The scorer that comes along, read once."""
    return LearnedRelevance.read(FILE)
