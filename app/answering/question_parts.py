"""Questions of several parts: each part is searched for by itself, and what was found is one retrieval.

``When does it open, and how much is a ticket?`` asks for two facts, which seldom stand in one sentence. Knows words of
English questions, and evidence; not how passages are found or quoted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from app.answering.follow_ups import search_text
from app.generation.prompts import Message
from retrieval.interfaces import Evidence, Hit, Retrieved

_MOST_PARTS: Final = 3
_ASKS: Final = (
    r"(?:who|whom|whose|what|what's|which|when|where|why|how|is|are|was|were|do|does|did|can|could|will|should|may|must|"
    r"has|have)\b"
)
_NEXT: Final = re.compile(
    rf"[?;]+\s+(?:and\s+|also\s+)*|,?\s+(?:and|also|plus)(?:\s+also)?\s+(?={_ASKS})", re.IGNORECASE
)
_BEGINS: Final = re.compile(
    rf"\W*(?:and|also|please|so|ok|hi|hello|tell me|can you tell me)?,?\s*{_ASKS}", re.IGNORECASE
)
_WORD: Final = re.compile(r"\w+")
_FEWEST_WORDS: Final = 3


def parts_of(question: str) -> tuple[str, ...]:
    """The parts of a question, in order; one of one part is its own only part.

    >>> parts_of("When does it open and how much is a ticket?")
    ('When does it open', 'how much is a ticket?')
    """
    parts = [part.strip() for part in _NEXT.split(question) if part.strip()]
    is_asked = all(_BEGINS.match(part) and len(_WORD.findall(part)) >= _FEWEST_WORDS for part in parts)
    return tuple(parts) if 1 < len(parts) <= _MOST_PARTS and is_asked else (question,)


def retrieve_parts(
    retrieve: Callable[[str], Retrieved], question: str, history: Sequence[Message], *, sentences: int
) -> Retrieved:
    """What ``retrieve`` finds for the parts of a question, at most ``sentences`` pieces of evidence.

    A part that leans on the one before it is searched for with that. Parts of which nothing is likely to answer are
    named in ``unanswered``, unless all are.
    """
    parts = parts_of(question)
    if len(parts) == 1:
        return retrieve(search_text(question, history))
    earlier = (*history, Message("user", parts[0]))
    found = [retrieve(search_text(part, earlier if n else history)) for n, part in enumerate(parts)]
    answered = [n for n, one in enumerate(found) if any(each.is_likely for each in one.evidence)]
    if not answered:
        return retrieve(search_text(question, history))
    merged = _merged([found[n] for n in answered], sentences)
    return replace(merged, unanswered=tuple(part for n, part in enumerate(parts) if n not in answered))


def _merged(found: Sequence[Retrieved], sentences: int) -> Retrieved:
    """One retrieval of several: the best of each first."""
    hits: dict[str, Hit] = {}
    for rank in zip_longest(*(one.hits for one in found)):
        hits |= {hit.passage.id: hit for hit in rank if hit is not None and hit.passage.id not in hits}
    index = {passage_id: n for n, passage_id in enumerate(hits)}
    evidence: dict[tuple[str, int, int], Evidence] = {}
    for each, part in _in_turn([one.evidence for one in found]):
        passage = found[part].hits[each.hit].passage
        place = (passage.document_id, each.start, each.end)
        along = tuple(replace(one, hit=index[found[part].hits[one.hit].passage.id]) for one in each.along)
        own = replace(each, hit=index[passage.id], along=along, parts=frozenset({part}))
        known = evidence.get(place)
        evidence[place] = own if known is None else _answering_both(known, own)
    first = found[0]
    mended = tuple(dict.fromkeys(each for one in found for each in one.mended))
    remark = next((one.remark for one in found if one.remark), None)
    chosen = tuple(evidence.values())[:sentences]
    return replace(first, hits=tuple(hits.values()), evidence=chosen, mended=mended, remark=remark)


def _in_turn(evidence: Sequence[Sequence[Evidence]]) -> Iterator[tuple[Evidence, int]]:
    """The best of each part, then the second best of each, with the number of the part."""
    for rank in zip_longest(*evidence):
        yield from ((each, part) for part, each in enumerate(rank) if each is not None)


def _answering_both(one: Evidence, other: Evidence) -> Evidence:
    """A sentence that was judged for two parts: it is evidence for those that it likely answers, or the likelier."""
    parts = frozenset[int]().union(*(each.parts for each in (one, other) if each.is_likely))
    likelier = max(one, other, key=lambda each: each.relevance)
    return replace(likelier, parts=parts or likelier.parts)
