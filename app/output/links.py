"""Links characters of an answer to characters of a passage, checked before they are shown.

A wrong link is worse than none: a ``copied`` citation whose two texts are not identical is left out. What was computed
is linked to each of its rows that is in a passage. Offsets are Unicode code points, half-open; source offsets here are
within the passage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.generation.events import Citation, CitationKind, SourcePassage

_COLOURS = 6


@dataclass(frozen=True, slots=True)
class Link:
    """A linked span. ``passage`` is an index into the passages; the page shows the link by ``label`` and ``colour``.

    ``where`` names the source in words: ``handbook.pdf, page 7, characters 3,410 to 3,468``.
    """

    answer_start: int
    answer_end: int
    source_start: int
    source_end: int
    passage: int
    label: str
    colour: int
    kind: CitationKind
    where: str


def label_of(passages: Sequence[SourcePassage], index: int) -> str:
    """The n of a passage's ``[n]``; passages that were not in the prompt get letters."""
    number = passages[index].number
    if number is not None:
        return str(number)
    letters_before = sum(passage.number is None for passage in passages[:index])
    return chr(ord("A") + letters_before % 26)


def colour_of(passages: Sequence[SourcePassage], index: int) -> int:
    """The colour of a passage, 1 to 6, in the order of the labels."""
    return in_order(passages).index(index) % _COLOURS + 1


def in_order(passages: Sequence[SourcePassage]) -> list[int]:
    """Indexes of the passages in the order of labels: those of the prompt by number, then the others as they come."""
    return sorted(range(len(passages)), key=lambda i: (passages[i].number is None, passages[i].number or i))


def links(text: str, citations: Sequence[Citation], passages: Sequence[SourcePassage]) -> list[Link]:
    """The valid citations, in their order. Those that reach beyond ``text`` are left out: it is still being written."""
    by_id = {passage.passage_id: index for index, passage in enumerate(passages)}
    valid = []
    for citation in citations:
        own = by_id.get(citation.passage_id)
        if own is None:
            continue
        for index, start, end in _places(citation, own, passages):
            if _is_valid(citation, text, passages[index].text, start, end):
                valid.append(
                    Link(
                        answer_start=citation.answer_start,
                        answer_end=citation.answer_end,
                        source_start=start,
                        source_end=end,
                        passage=index,
                        label=label_of(passages, own),
                        colour=colour_of(passages, own),
                        kind=citation.kind,
                        where=where(citation.document, citation.place, citation.source_start, citation.source_end),
                    )
                )
    return valid


def _places(citation: Citation, own: int, passages: Sequence[SourcePassage]) -> Iterator[tuple[int, int, int]]:
    """(passage, start, end) of what is cited; the rows of a computation as far as passages have them, its own first."""
    if citation.kind != "computed":
        start = passages[own].start
        yield own, citation.source_start - start, citation.source_end - start
        return
    order = sorted(range(len(passages)), key=lambda index: index != own)
    for index in order:
        passage = passages[index]
        if passage.document == citation.document:
            for first, last in citation.rows:
                start, end = max(first, passage.start), min(last, passage.end)
                if start < end:
                    yield index, start - passage.start, end - passage.start


def leading(linked: Sequence[Link], index: int) -> int:
    """The first of the links of the same characters of the answer that were computed: its rows are shown as one."""
    link = linked[index]
    if link.kind != "computed":
        return index
    same = (
        other for other, one in enumerate(linked) if one.kind == link.kind and one.answer_start == link.answer_start
    )
    return next(same)


def where(document: str, place: str, start: int, end: int) -> str:
    """The source in words: document, page or heading (``place``, empty if it has none), and characters."""
    return ", ".join(filter(None, (document, place, f"characters {start:,} to {end:,}")))


def copied_share(text: str, links: Sequence[Link]) -> float:
    """Share of the answer's characters that are identical text in a source, 0 to 1."""
    covered: set[int] = set()
    for link in links:
        if link.kind == "copied":
            covered.update(range(link.answer_start, link.answer_end))
    return len(covered) / len(text) if text else 0.0


def _is_valid(citation: Citation, text: str, source: str, start: int, end: int) -> bool:
    inside = 0 <= citation.answer_start < citation.answer_end <= len(text) and 0 <= start < end <= len(source)
    if not inside or citation.kind != "copied":
        return inside
    return text[citation.answer_start : citation.answer_end] == source[start:end]
