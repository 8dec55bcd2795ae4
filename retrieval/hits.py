"""What a search returns: passages with the reason they were chosen, and the sentences of them that may answer.

Needs no library, so that commands which only name the scale of relevance start fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from corpora.documents import Passage

_COSINE_SLOPE: Final = 20.0
_EVEN_COSINE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score: higher is better within one list; the scales of retrievers differ."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a hit: ``document.text[start:end] == text``, offsets in the document.

    ``hit`` is the index of its passage in the list of hits; ``similarity`` is the cosine to the question;
    ``relevance`` is the log-odds that it answers the question, against "no sentence does", which is 0.
    """

    hit: int
    start: int
    end: int
    text: str
    similarity: float
    relevance: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What was found for a question: hits and evidence, best first, and the language the question seems to be in.

    ``language`` is None for English, and where that is not sure.
    """

    hits: tuple[Hit, ...]
    evidence: tuple[Evidence, ...]
    language: str | None = None


def log_odds(similarity: float) -> float:
    """The relevance that a cosine alone stands for: as likely as not (0) at 0.5; 3 is 95 %."""
    return _COSINE_SLOPE * (similarity - _EVEN_COSINE)
