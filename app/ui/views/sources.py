"""The sources beside an answer: the passages found, how likely they answer, the cited characters marked in place."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from app.generation.events import SourcePassage
from app.output.formatting import percent
from app.output.links import Link, colour_of, in_order, label_of, leading
from app.ui.views.markup import Html, cut_at_spans, join, tag
from corpora.documents import Document, Mark, describe_location

_READER_CHARACTERS = 20_000
# The document view labels where one of these begins; headings and rows are visible in the text itself.
_LEAVES = ("page", "slide", "sheet")


def sources_view(turn_id: int, passages: Sequence[SourcePassage], links: Sequence[Link], *, focus: str = "") -> Html:
    """The panel for one turn. ``focus`` is the citation to show at once, empty for none."""
    if not passages:
        text = "The passages that an answer was copied from appear here, with the exact characters marked."
        return tag("section", tag("h2", "Sources"), tag("p", text, class_="empty"), class_="sources")
    cited = {link.passage for link in links}
    order = sorted(in_order(passages), key=lambda index: index not in cited)
    cards = [_card(turn_id, passages, index, links) for index in order]
    return tag(
        "section",
        tag("h2", "Sources"),
        *cards,
        class_="sources",
        data_turn=turn_id,
        data_focus=focus,
        aria_label="Sources of the answer",
    )


def reader_view(document: Document, spans: Sequence[tuple[int, int]], around: tuple[int, int]) -> Html:
    """A whole document with ``spans`` marked; of a long one the part around ``around``. Offsets are the document's."""
    length = len(document.text)
    first, last = max(0, around[0] - _READER_CHARACTERS), min(length, around[1] + _READER_CHARACTERS)
    part = "" if (first, last) == (0, length) else f"characters {first:,} to {last:,} of {length:,}"
    shown = spans[0] if spans else around
    where = ", ".join(filter(None, (describe_location(document.marks, *shown), part)))
    close = tag("button", "Close", type="button", class_="quiet", data_close=True)
    head = tag("header", tag("h2", document.name), tag("span", where, class_="where"), close)
    # Gradio draws only a value that differs, so a document that is opened again must differ from the time before.
    return tag(
        "dialog",
        head,
        tag("div", _pages(document, spans, first, last), class_="ptext", tabindex=0),
        class_="reader",
        aria_label=document.name,
        data_shown=secrets.token_hex(4),
    )


def _pages(document: Document, spans: Sequence[tuple[int, int]], first: int, last: int) -> Html:
    """Characters ``[first, last)`` with ``spans`` marked. The style sheet draws page labels; they are no text."""
    leaves = [mark for mark in document.marks if mark.kind in _LEAVES and mark.start < last and first < mark.end]
    begins: dict[int, Mark] = {max(mark.start, first): mark for mark in leaves}
    borders = [*spans, *((mark.start, mark.end) for mark in leaves)]
    parts: list[str] = []
    for segment in cut_at_spans(document.text[first:last], [(start - first, end - first) for start, end in borders]):
        leaf = begins.get(first + segment.start)
        if leaf is not None:
            parts.append(tag("span", class_="leaf", data_label=f"{leaf.kind} {leaf.label}"))
        cited = any(index < len(spans) for index in segment.covers)
        parts.append(tag("mark", segment.text, class_="on") if cited else segment.text)
    return join(*parts)


def _card(turn_id: int, passages: Sequence[SourcePassage], index: int, links: Sequence[Link]) -> Html:
    passage = passages[index]
    cited = [i for i, link in enumerate(links) if link.passage == index]
    is_open = bool(cited) or (not links and index == in_order(passages)[0])
    summary = tag(
        "summary",
        tag("span", label_of(passages, index), class_="chip"),
        tag(
            "span",
            passage.document,
            tag("small", passage.place, class_="place") if passage.place else "",
            class_="name",
        ),
        tag("span", _use(passage, len({leading(links, i) for i in cited})), class_="use"),
    )
    whole = tag(
        "button",
        "Open document",
        type="button",
        class_="linklike",
        data_event="open",
        data_turn=turn_id,
        data_passage=index,
    )
    where = tag("span", f"characters {passage.start:,}–{passage.end:,}", class_="where")
    foot = tag("footer", _chance(passage.chance), where, whole)
    return tag(
        "details",
        summary,
        tag("div", _text(turn_id, passage, cited, links), class_="ptext"),
        foot,
        class_=f"source c{colour_of(passages, index)}" + (" cited" if cited else ""),
        open=is_open,
    )


def _chance(chance: float | None) -> Html:
    """How likely something in the passage answers, as a bar and in words; nothing where that was not judged."""
    if chance is None:
        return Html()
    meter = tag("meter", min=0, max=1, value=f"{chance:.3f}", aria_label="chance that it answers")
    about = "How likely something in this passage answers the question, as the scorer of evidence judges it"
    return tag("span", meter, f"answers: {percent(chance)}", class_="score", title=about)


def _use(passage: SourcePassage, citations: int) -> str:
    if citations:
        return "cited once" if citations == 1 else f"cited {citations} times"
    return "found" if passage.number is not None else "found, not in the prompt"


def _text(turn_id: int, passage: SourcePassage, cited: Sequence[int], links: Sequence[Link]) -> Html:
    segments = cut_at_spans(passage.text, [(links[i].source_start, links[i].source_end) for i in cited])
    marked: set[int] = set()
    parts: list[str] = []
    for segment in segments:
        covers = [cited[i] for i in segment.covers]
        if not covers:
            parts.append(segment.text)
            continue
        covers = sorted({leading(links, i) for i in covers})
        new = [i for i in covers if i not in marked and i in cited]
        marked.update(new)
        only_marked = all(links[i].kind == "marked" for i in covers)
        parts.append(
            tag(
                "mark",
                segment.text,
                id=f"source-{turn_id}-{new[0]}" if new else None,
                class_="whole" if only_marked else None,
                data_turn=turn_id,
                data_cites=" ".join(map(str, covers)),
                title=links[covers[0]].where,
                tabindex=0,
            )
        )
    return join(*parts)
