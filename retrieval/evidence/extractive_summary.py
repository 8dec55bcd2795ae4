"""Summaries out of a document's own sentences: of each part of it the one that is nearest to the part and to all of it.

For who asks what a document is about. Which one is meant is found by the words of its name, title and headings; what
was said already counts against a sentence, as in maximal marginal relevance (J. Carbonell, J. Goldstein: The Use of
MMR, SIGIR 1998). Knows words of English questions, units and their vectors. Offsets are in the document. U units, D
dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from corpora.documents import Passage
from retrieval.document_names import words_of_name
from retrieval.evidence.leads import in_one_line
from retrieval.evidence.relevance_features import stems
from retrieval.evidence.sentences import PassageUnits
from retrieval.interfaces import Evidence, Hit, Query, Retrieved

PassagesAt: TypeAlias = Callable[[str, int, int], Sequence[Passage]]
"""The passages that hold characters ``[start, end)`` of the document of that id, in order."""
UnitsOf: TypeAlias = Callable[[Sequence[Passage]], Sequence[PassageUnits]]

_MOST_SENTENCES: Final = 5
_MOST_CHARACTERS: Final = 700
_LENGTHS: Final = range(25, 320)
_FEWEST_WORDS: Final = 7
_HEAD: Final = 300  # characters of the first passage that may name what the document is
_LEAST_NAMED: Final = 0.5  # share of the topic's words that a document's head must have
_SURE: Final = 4.0  # log-odds of a summary: the question is answered by whatever is most telling
_ALL: Final = 1 << 62
_DIFFERENT: Final = 0.4

_POLITE: Final = r"^\W*(?:(?:please|now|ok|okay|so|and|can you|could you|would you|will you|i want you to)[,\s]+)*"
_ASKS: Final = (
    re.compile(
        _POLITE + r"(?:summari[sz]e|sum up|(?:give|write|show|tell) (?:me |us )?(?:an? |the )?(?:\w+ )?"
        r"(?:summary|overview|outline|gist)(?: of)?|(?:an? |the )?(?:\w+ )?(?:summary|overview|gist) of|tl;?dr:?|"
        r"(?:what are |list )?the (?:main|key) points (?:of|in))\b(?P<topic>.*)$",
        re.IGNORECASE | re.DOTALL,
    ),
    re.compile(_POLITE + r"what(?:['’]s| is| are| was)(?P<topic>\b.*?)\b(?:all )?about\W*$", re.IGNORECASE | re.DOTALL),
    re.compile(_POLITE + r"what does (?P<topic>.+?) (?:say|deal with|talk about)\W*$", re.IGNORECASE | re.DOTALL),
)
_IN_OTHER_WORDS: Final = re.compile(
    r"\bin (?:your own|other|simpler|simple|plain|a few|one|two|three) (?:words?|sentences?)\b", re.IGNORECASE
)
_SMALL: Final = frozenset(
    """a an the of to in on for from with and or it its this that these those document file text page article content
    contents me my our your what say said please short brief""".split()
)


def summary_topic(question: str) -> str | None:
    """What of a question that asks for a summary names the document; None for any other question.

    >>> summary_topic("Give me an overview of the contract, please.")
    ' the contract, please.'
    """
    if _IN_OTHER_WORDS.search(question):
        return None
    return next((found["topic"] for asks in _ASKS if (found := asks.match(question))), None)


class Summaries:
    """Answers who asks what a document, or a section of it, is about. Any thread may ask."""

    def __init__(self, passages_at: PassagesAt, units_of: UnitsOf) -> None:
        self._passages_at = passages_at
        self._units_of = units_of

    def of(self, query: Query, hits: Sequence[Hit]) -> Retrieved | None:
        """The most telling sentences of the document that the question names, of those that were found.

        None if it asks for no summary, or names none of them.
        """
        topic = summary_topic(query.spelled)
        named = None if topic is None else self._named(topic, hits)
        if named is None:
            return None
        passages = self._passages_at(*named)
        chosen = list(_in_order(passages, self._units_of(passages), named[1], named[2]))
        if not chosen:
            return None
        found = {hit.passage.id: hit for hit in hits}
        holding = list(dict.fromkeys(at for at, _, _ in chosen))
        evidence = [
            Evidence(
                hit=holding.index(at),
                start=passages[at].start + start,
                end=passages[at].start + end,
                text=passages[at].text[start:end],
                similarity=0.0,
                relevance=_SURE,
            )
            for at, start, end in chosen
        ]
        first = replace(evidence[0], along=tuple(evidence[1:]))
        shown = (found.get(passages[at].id, Hit(passages[at], 0.0)) for at in holding)
        rated = tuple(replace(hit, chance=first.chance) for hit in shown)
        return Retrieved(rated, (first,), query.language, query.mended)

    def _named(self, topic: str, hits: Sequence[Hit]) -> tuple[str, int, int] | None:
        """(id, start, end): the document whose name, title and headings have most of the topic's words, or a section.

        The first that was found if the topic has none but small words, None if no document has enough of them.
        """
        wanted = {stem for stem in stems(topic) if stem not in _SMALL}
        documents = list(dict.fromkeys(hit.passage.document_id for hit in hits))
        if not wanted or not documents:
            return (documents[0], 0, _ALL) if documents else None
        heads = {document: _Head.of(self._passages_at(document, 0, _ALL)) for document in documents}
        best = max(documents, key=lambda document: len(wanted & heads[document].stems))
        if len(wanted & heads[best].stems) < _LEAST_NAMED * len(wanted):
            return None
        return (best, *heads[best].section(wanted))


@dataclass(frozen=True, slots=True)
class _Head:
    """What names a document: the words of its name and first lines, and its sections with those of their headings."""

    title: frozenset[str]
    sections: tuple[tuple[frozenset[str], int, int], ...]

    @classmethod
    def of(cls, passages: Sequence[Passage]) -> _Head:
        first = passages[0]
        marks = {mark for passage in passages for mark in passage.marks if mark.kind in ("heading", "chapter")}
        sections = tuple((frozenset(stems(mark.label)), mark.start, mark.end) for mark in sorted(marks))
        return cls(frozenset(stems(f"{words_of_name(first.document_name)} {first.text[:_HEAD]}")), sections)

    @property
    def stems(self) -> frozenset[str]:
        """Those of the title and of all headings."""
        return self.title.union(*(words for words, _, _ in self.sections))

    def section(self, wanted: Collection[str]) -> tuple[int, int]:
        """(start, end) of the section that is named by most of the words that the title has not; else of all."""
        further = frozenset(wanted) - self.title
        best = max(self.sections, key=lambda section: len(further & section[0]), default=None)
        if best is None or not further or 2 * len(further & best[0]) < len(further):
            return 0, _ALL
        return best[1], best[2]


def _in_order(
    passages: Sequence[Passage], units: Sequence[PassageUnits], first: int, last: int
) -> Iterator[tuple[int, int, int]]:
    """(passage, start, end) of the sentences chosen of ``[first, last)``, in the order of the document."""
    places: list[tuple[int, int, int]] = []
    vectors: list[NDArray[np.float32]] = []
    seen: set[str] = set()
    for at, (passage, found) in enumerate(zip(passages, units, strict=True)):
        for unit, vector_D in zip(found.units, found.vectors_SD, strict=False):
            text = in_one_line(passage.text[unit.start : unit.end])
            is_inside = first <= passage.start + unit.start and passage.start + unit.end <= last
            is_telling = unit.kind == "sentence" and len(text) in _LENGTHS and len(text.split()) >= _FEWEST_WORDS
            if is_inside and is_telling and text not in seen:
                seen.add(text)
                places.append((at, unit.start, unit.end))
                vectors.append(vector_D)
    if not places:
        return
    vectors_UD = np.stack(vectors)
    yield from (places[n] for n in sorted(_most_telling(places, vectors_UD)))


def _most_telling(places: Sequence[tuple[int, int, int]], vectors_UD: NDArray[np.float32]) -> list[int]:
    """The indices of the chosen ones: of each part of the text the one that is nearest to it and to all of it."""
    middle_D = _unit(vectors_UD.mean(axis=0))
    chosen: list[int] = []
    left = _MOST_CHARACTERS
    for part in np.array_split(np.arange(len(places)), min(_MOST_SENTENCES, len(places))):
        own_D = _unit(vectors_UD[part].mean(axis=0))
        repeated = (vectors_UD[part] @ vectors_UD[chosen].T).max(axis=1) if chosen else np.zeros(len(part))
        worth = vectors_UD[part] @ (middle_D + own_D) - _DIFFERENT * repeated
        fits = [n for n, at in enumerate(part) if places[at][2] - places[at][1] <= left]
        if fits:
            best = int(part[max(fits, key=lambda n: float(worth[n]))])
            chosen.append(best)
            left -= places[best][2] - places[best][1]
    return chosen


def _unit(vector_D: NDArray[np.float32]) -> NDArray[np.float32]:
    return vector_D / max(float(np.linalg.norm(vector_D)), 1e-6)
