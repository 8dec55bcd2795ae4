"""Cuts a text at the borders of spans that may overlap, so that each segment lies wholly inside or outside each span.

Must not know HTML or answers. Offsets are Unicode code points, half-open.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass


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
