"""Which characters of an answer are linked to which characters of a passage, checked before they are drawn.

A mark that is wrong is worse than none: a ``copied`` citation whose two texts are not identical is left out. Offsets
are Unicode code points, half-open; source offsets here are inside the passage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.generation.events import Citation, SourcePassage

_COLOURS = 6


@dataclass(frozen=True, slots=True)
class Link:
    """A linked run. ``passage`` is an index into the passages, ``label`` and ``colour`` are how the page shows it.

    ``where`` says it in words: ``handbook.pdf, page 7, characters 3,410 to 3,468``.
    """

    answer_start: int
    answer_end: int
    source_start: int
    source_end: int
    passage: int
    label: str
    colour: int
    kind: Literal["copied", "marked"]
    where: str


def label_of(passages: Sequence[SourcePassage], index: int) -> str:
    """The ``[n]`` of a passage; those that were not in the prompt get letters."""
    number = passages[index].number
    if number is not None:
        return str(number)
    outside = sum(passage.number is None for passage in passages[:index])
    return chr(ord("A") + outside % 26)


def colour_of(passages: Sequence[SourcePassage], index: int) -> int:
    """The colour of a passage, 1 to 6, in the order of the labels."""
    return in_order(passages).index(index) % _COLOURS + 1


def in_order(passages: Sequence[SourcePassage]) -> list[int]:
    """Indexes of the passages by label: those of the prompt by number, then the others as they were found."""
    return sorted(range(len(passages)), key=lambda i: (passages[i].number is None, passages[i].number or i))


def links(text: str, citations: Sequence[Citation], passages: Sequence[SourcePassage]) -> list[Link]:
    """The citations that hold, in their order; those that reach beyond ``text`` are not there yet."""
    by_id = {passage.passage_id: index for index, passage in enumerate(passages)}
    found = []
    for citation in citations:
        index = by_id.get(citation.passage_id)
        if index is None:
            continue
        passage = passages[index]
        start, end = citation.source_start - passage.start, citation.source_end - passage.start
        if not _holds(citation, text, passage.text, start, end):
            continue
        found.append(
            Link(
                answer_start=citation.answer_start,
                answer_end=citation.answer_end,
                source_start=start,
                source_end=end,
                passage=index,
                label=label_of(passages, index),
                colour=colour_of(passages, index),
                kind=citation.kind,
                where=where(citation.document, citation.place, citation.source_start, citation.source_end),
            )
        )
    return found


def where(document: str, place: str, start: int, end: int) -> str:
    """Document, place and characters in words; without the place if the document has no pages or headings."""
    return ", ".join(filter(None, (document, place, f"characters {start:,} to {end:,}")))


def copied_share(text: str, found: Sequence[Link]) -> float:
    """Share of the answer's characters that are identical text in a source, 0 to 1."""
    covered: set[int] = set()
    for link in found:
        if link.kind == "copied":
            covered.update(range(link.answer_start, link.answer_end))
    return len(covered) / len(text) if text else 0.0


def _holds(citation: Citation, text: str, source: str, start: int, end: int) -> bool:
    inside = 0 <= citation.answer_start < citation.answer_end <= len(text) and 0 <= start < end <= len(source)
    if not inside or citation.kind == "marked":
        return inside
    return text[citation.answer_start : citation.answer_end] == source[start:end]
