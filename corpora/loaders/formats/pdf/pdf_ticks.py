"""Boxes to be ticked that are drawn on a PDF's page and no fields of a form, as browsers print them.

Such a box is an outlined square beside words; it is ticked if a few open strokes are drawn within it. Squares that
touch others are places for letters, and filled ones belong to drawings.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.loaders.formats.pdf.pdf_fields import Written
from corpora.loaders.formats.pdf.pdf_rules import Rules
from corpora.loaders.formats.pdf.pdf_words import Box, Piece, turned
from corpora.loaders.formats.symbol_fonts import EMPTY_BOX, TICKED_BOX

# How long the sides of a box are, how much they differ, how far a stroke reaches out of it (points).
_SMALLEST, _LARGEST, _SKEWED, _OUT = 6.0, 18.0, 2.0, 1.5
_MOST_STROKES, _FEWEST_EDGES = 6, 4
# Boxes this near (points) to each other touch; words beside a box are this near to it (in ems).
_TOUCH, _NEAR = 2.0, 2.0
_MOST_OBJECTS, _MOST_BOXES = 5_000, 200


def ticks(page: pdfium.PdfPage, rules: Rules, pieces: Sequence[Piece], turns: int) -> list[Written]:
    """The boxes of a page, ticked or empty, whose text runs in this direction."""
    if not any(rule.end - rule.start <= _LARGEST for rule in rules.level):
        return []  # which most pages can be told from
    squares: dict[tuple[int, int], Box] = {}
    outlined: set[tuple[int, int]] = set()
    strokes: list[Box] = []
    for box, edges, is_stroked in _paths(page):
        left, bottom, right, top = box
        wide, high = right - left, top - bottom
        if edges >= _FEWEST_EDGES and _is_square(wide, high):
            place = (round((left + right) / 8), round((bottom + top) / 8))
            squares.setdefault(place, box)
            outlined |= {place} if is_stroked else set()
        elif is_stroked and edges < _MOST_STROKES and max(wide, high) <= _LARGEST:
            strokes.append(box)
    if len(squares) > _MOST_BOXES:  # those of a drawing
        return []
    found = []
    for place, box in squares.items():
        is_ticked = any(_is_within(stroke, box) for stroke in strokes)
        if not (is_ticked or place in outlined) or not _is_beside(turned(box, turns), pieces):
            continue
        if not any(overlap(box, other) for at, other in squares.items() if at != place):
            found.append(Written(TICKED_BOX if is_ticked else EMPTY_BOX, box))
    return found


def _paths(page: pdfium.PdfPage) -> Iterator[tuple[Box, int, bool]]:
    """The bounds of each path, how many segments it has, and whether it is only stroked."""
    sides = [ctypes.c_float() for _ in range(4)]
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    for index in range(min(pdfium_c.FPDFPage_CountObjects(page.raw), _MOST_OBJECTS)):
        drawn = pdfium_c.FPDFPage_GetObject(page.raw, index)
        if pdfium_c.FPDFPageObj_GetType(drawn) != pdfium_c.FPDF_PAGEOBJ_PATH:
            continue
        pdfium_c.FPDFPath_GetDrawMode(drawn, mode, stroke)
        if mode.value or stroke.value:
            pdfium_c.FPDFPageObj_GetBounds(drawn, *sides)
            left, bottom, right, top = (side.value for side in sides)
            is_stroked = bool(stroke.value) and not mode.value
            yield (left, bottom, right, top), pdfium_c.FPDFPath_CountSegments(drawn), is_stroked


def _is_square(wide: float, high: float) -> bool:
    return min(wide, high) >= _SMALLEST and max(wide, high) <= _LARGEST and abs(wide - high) <= _SKEWED


def _is_within(inner: Box, outer: Box) -> bool:
    return (
        inner[0] >= outer[0] - _OUT
        and inner[1] >= outer[1] - _OUT
        and inner[2] <= outer[2] + _OUT
        and inner[3] <= outer[3] + _OUT
    )


def overlap(a: Box, b: Box) -> bool:
    """Whether boxes overlap or touch."""
    return a[0] <= b[2] + _TOUCH and b[0] <= a[2] + _TOUCH and a[1] <= b[3] + _TOUCH and b[1] <= a[3] + _TOUCH


def _is_beside(box: Box, pieces: Sequence[Piece]) -> bool:
    """Whether words stand before or behind a box, and none in it."""
    left, bottom, right, top = box
    on_line = [word for piece in pieces if bottom < piece.middle < top for word in piece.words]
    near = _NEAR * (top - bottom)
    is_free = not any(word.left < right - 1 and word.right > left + 1 for word in on_line)
    return is_free and any(0 <= word.left - right + 1 <= near or 0 <= left - word.right + 1 <= near for word in on_line)
