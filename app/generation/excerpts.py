"""Chooses what of the passages a prompt shows: the best sentences and their neighbours, in the order of the documents.

Sentences of evidence go first, the likeliest one in any case; what is left of the budget goes to the sentences beside
them. Knows sentences and what each costs, no tokens and no template. Offsets are in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from corpora.text.chunking import sentences
from retrieval.interfaces import Evidence, Hit

_UNLIKELY: Final = 6.0
"""Evidence whose log-odds are lower than the best one's for its part of the question by more than this is not shown: it
answers in one of 400."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A sentence that a prompt shows: ``document.text[start:end]`` of hit ``hit``'s document.

    ``evidence`` is its index in the evidence, None for a neighbour. What was computed stands in no document: it has a
    ``statement``, and ``[start, start)`` is where the rows begin that it was computed from. ``along`` are the excerpts
    that answer only together with it.
    """

    hit: int
    start: int
    end: int
    evidence: int | None = None
    statement: str | None = None
    along: tuple[Excerpt, ...] = ()

    @classmethod
    def of(cls, evidence: Evidence, index: int) -> Excerpt:
        """The excerpt that shows evidence."""
        along = tuple(cls.of(other, index) for other in evidence.along)
        if evidence.is_computed:
            return cls(evidence.hit, evidence.start, evidence.start, index, evidence.text, along)
        return cls(evidence.hit, evidence.start, evidence.end, index, None, along)


def choose_excerpts(
    hits: Sequence[Hit],
    evidence: Sequence[Evidence],
    *,
    budget: int,
    cost: Callable[[str], int],
    neighbours: int = 1,
) -> tuple[Excerpt, ...]:
    """The sentences to show, most important first, of at most ``budget`` in cost, all but the first one.

    ``neighbours`` on each side of a sentence of evidence are shown if there is room for them. Without evidence the
    hits are shown from their beginnings on.
    """
    chosen: list[Excerpt] = []
    left = budget
    for excerpt in _wanted(hits, evidence, neighbours):
        text = text_of(hits, excerpt)
        if not text.strip() or _is_shown(hits, excerpt, chosen):
            continue
        needed = cost(text)
        if needed > left and chosen:
            if excerpt.evidence is None:
                break
            continue
        chosen += (excerpt, *excerpt.along)
        left -= needed + sum(cost(text_of(hits, other)) for other in excerpt.along)
    return tuple(chosen)


def by_passage(hits: Sequence[Hit], excerpts: Sequence[Excerpt]) -> list[tuple[int, list[Excerpt]]]:
    """The excerpts of each passage in the order of the text; documents by their best hit, passages as they stand."""
    first: dict[str, int] = {}
    for index, hit in enumerate(hits):
        first.setdefault(hit.passage.document_id, index)

    def place(excerpt: Excerpt) -> tuple[int, int, int, int]:
        passage = hits[excerpt.hit].passage
        return first[passage.document_id], passage.start, excerpt.hit, excerpt.start

    return [(hit, list(group)) for hit, group in groupby(sorted(excerpts, key=place), key=lambda one: one.hit)]


def text_of(hits: Sequence[Hit], excerpt: Excerpt) -> str:
    """The excerpt's characters, as the document has them, or its statement."""
    if excerpt.statement is not None:
        return excerpt.statement
    passage = hits[excerpt.hit].passage
    return passage.text[excerpt.start - passage.start : excerpt.end - passage.start]


def _wanted(hits: Sequence[Hit], evidence: Sequence[Evidence], neighbours: int) -> Iterator[Excerpt]:
    """Everything that may be shown, most important first."""
    if not evidence:
        for index, hit in enumerate(hits):
            yield from (Excerpt(index, start, end) for start, end in _sentences(hit))
        return
    best: dict[int, float] = {}
    for one in evidence:
        best |= {part: max(one.relevance, best.get(part, one.relevance)) for part in one.parts}
    likely = [
        (index, one)
        for index, one in enumerate(evidence)
        if any(one.relevance >= best[part] - _UNLIKELY for part in one.parts)
    ]
    for index, one in likely:
        yield Excerpt.of(one, index)
    for distance in range(1, neighbours + 1):
        for _, one in likely:
            if one.is_computed or one.along:
                continue
            yield from _beside(hits[one.hit], one, distance)


def _beside(hit: Hit, one: Evidence, distance: int) -> Iterator[Excerpt]:
    """The sentence so far behind the one of evidence, then the one before it, as far as the passage has them."""
    spans = _sentences(hit)
    behind = [span for span in spans if span[0] >= one.end]
    before = [span for span in spans if span[1] <= one.start]
    if len(behind) >= distance:
        yield Excerpt(one.hit, *behind[distance - 1])
    if len(before) >= distance:
        yield Excerpt(one.hit, *before[-distance])


def _sentences(hit: Hit) -> list[tuple[int, int]]:
    base = hit.passage.start
    return [(base + start, base + end) for start, end in sentences(hit.passage.text)]


def _is_shown(hits: Sequence[Hit], excerpt: Excerpt, chosen: Sequence[Excerpt]) -> bool:
    """Whether any of it is shown already: neighbouring passages of a document share sentences."""
    document = hits[excerpt.hit].passage.document_id
    return any(
        excerpt.start < other.end and other.start < excerpt.end and hits[other.hit].passage.document_id == document
        for other in chosen
    )
