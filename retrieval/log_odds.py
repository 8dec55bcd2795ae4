"""The scale on which sentences are judged: log-odds of being the one that answers, against "none does", which is 0.

Knows numbers only, and imports nothing: commands that name biases on this scale start without any library for its sake.
"""

from __future__ import annotations

from typing import Final

_COSINE_SLOPE: Final = 20.0
_EVEN_COSINE: Final = 0.5


def log_odds(similarity: float) -> float:
    """What a cosine alone is worth: as likely as not at 0.5."""
    return _COSINE_SLOPE * (similarity - _EVEN_COSINE)
