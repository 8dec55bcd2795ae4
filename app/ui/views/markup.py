"""The one place where text becomes HTML: every string is escaped unless it was built here.

``tag("p", text)`` escapes ``text``; ``Html`` values, which only this module makes, pass unchanged, so a caller cannot
forget to escape. The page gives the result to ``gr.HTML`` as the *value* of the template ``${value}``, which Gradio
inserts without evaluating it; nothing from here may ever become a template.

``cut_at_spans`` cuts a text at the borders of spans that may overlap, before it is marked up: each segment lies wholly
inside or outside each span. Knows no answers. Offsets are Unicode code points, half-open.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_VOID: Final = frozenset({"br", "hr", "input"})
_SURROGATES: Final = dict.fromkeys(range(55296, 57344), "�")
# The HTML parser turns a raw carriage return into a newline and drops NUL: one is written as a reference, one replaced.
_EXACT: Final = {0x0D: "&#13;", 0x00: "�"}


class Html(str):
    """Markup that is safe to insert: made by ``tag``, ``join`` and ``escape`` only."""

    __slots__ = ()


def escape(text: str) -> Html:
    """``text`` as markup that shows exactly ``text``, in an element or a quoted attribute."""
    if isinstance(text, Html):
        return text
    return Html(html.escape(text.translate(_SURROGATES)).translate(_EXACT))


def join(*parts: str) -> Html:
    """The parts joined without a separator, plain strings escaped."""
    return Html("".join(escape(part) for part in parts))


def tag(name: str, *children: str, **attributes: str | int | bool | None) -> Html:
    """An element. ``class_`` and ``data_turn`` become ``class`` and ``data-turn``; None and False leave one out.

    Example: ``tag("a", "1 < 2", href="#x", class_="run")``.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the text that starts at offset ``start``; ``covers`` are the indexes of the spans that cover it."""

    text: str
    start: int
    covers: tuple[int, ...]


def cut_at_spans(text: str, spans: Iterable[tuple[int, int]]) -> list[Segment]:
    """Split ``text`` into segments, which joined are ``text`` again. Spans are clipped to the text."""
    clipped = [(max(0, start), min(len(text), end)) for start, end in spans]
    borders = sorted({0, len(text), *(edge for span in clipped if span[0] < span[1] for edge in span)})
    return [
        Segment(
            text=text[left:right],
            start=left,
            covers=tuple(i for i, (start, end) in enumerate(clipped) if start <= left and right <= end),
        )
        for left, right in itertools.pairwise(borders)
    ]
