"""What a search returns: a passage and why it was chosen, and the sentences of it that look most telling."""

from __future__ import annotations

from dataclasses import dataclass

from corpora.documents import Passage


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score: higher is better within one list; retrievers' scales differ."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence of a hit: ``document.text[start:end] == text``, offsets in the document.

    ``hit`` is the index of its passage in the list of hits; ``similarity`` the cosine to the question; ``relevance``
    the log-odds that it answers the question, see ``retrieval.relevance``.
    """

    hit: int
    start: int
    end: int
    text: str
    similarity: float
    relevance: float
