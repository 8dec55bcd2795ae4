"""Cuts a text at the borders of spans that may overlap, so that each piece knows which spans cover it.

Knows nothing of HTML or answers. Offsets are Unicode code points, half-open.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """``text`` from ``start`` on, with the indexes of the spans that cover it, in their order."""

    text: str
    start: int
    covers: tuple[int, ...]


def cut(text: str, spans: Iterable[tuple[int, int]]) -> list[Piece]:
    """Split ``text`` into pieces; joined they are ``text`` again. Spans are clipped to the text."""
    clipped = [(max(0, start), min(len(text), end)) for start, end in spans]
    borders = sorted({0, len(text), *(edge for span in clipped if span[0] < span[1] for edge in span)})
    return [
        Piece(
            text=text[left:right],
            start=left,
            covers=tuple(i for i, (start, end) in enumerate(clipped) if start <= left and right <= end),
        )
        for left, right in itertools.pairwise(borders)
    ]
