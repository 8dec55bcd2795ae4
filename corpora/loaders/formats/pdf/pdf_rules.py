"""The rules of a PDF's page: upright and level lines that are drawn, among them the edges of boxes, which frame tables.

They are given in the frame of the page's direction of text, as ``pdf_words`` gives its pieces.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.loaders.formats.pdf.pdf_words import FARTHEST, Box, turned

# A page with more objects, or a path with more segments, is a drawing.
_MOST_OBJECTS, _MOST_SEGMENTS, _MOST_RULES = 20_000, 400, 2_000
_DEEPEST_FORM = 4
# Collinear rules this near to each other are one; a shorter one is no rule; a straight one is bent no more (points).
_NEAR, _SHORTEST, _BENT = 3.5, 4.0, 0.5
_WHITE = 250

_Matrix = tuple[float, float, float, float, float, float]
_UNMOVED: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Rule(NamedTuple):
    """A line from ``start`` to ``end``, at this height if it is level, this far right if it is upright."""

    at: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a page: level ones from the lowest, upright ones from the left."""

    level: Sequence[Rule] = ()
    upright: Sequence[Rule] = ()


def page_rules(page: pdfium.PdfPage, turns: int) -> Rules:
    """The rules of a page whose text runs in this direction; none of a page that is a drawing."""
    level: list[Rule] = []
    upright: list[Rule] = []
    count, get = pdfium_c.FPDFPage_CountObjects(page.raw), pdfium_c.FPDFPage_GetObject
    if count > _MOST_OBJECTS:
        return Rules()
    for box in _boxes(page.raw, count, get, _UNMOVED, 0):
        if not all(-FARTHEST < place < FARTHEST for place in box):
            continue
        left, bottom, right, top = turned(box, turns)
        if right - left >= _SHORTEST:
            level.append(Rule((bottom + top) / 2, left, right))
        elif top - bottom >= _SHORTEST:
            upright.append(Rule((left + right) / 2, bottom, top))
        if len(level) + len(upright) > _MOST_RULES:
            return Rules()
    return Rules(_united(level), _united(upright))


def _united(rules: Iterable[Rule]) -> list[Rule]:
    """Rules with those on one line that touch, as the borders of neighbouring cells do, made one."""
    united: list[Rule] = []
    for line in _lines(sorted(rules)):
        at = sum(rule.at for rule in line) / len(line)
        start, end = line[0].start, line[0].end
        for rule in sorted(line, key=lambda rule: rule.start):
            if rule.start > end + _NEAR:
                united.append(Rule(at, start, end))
                start, end = rule.start, rule.end
            start, end = min(start, rule.start), max(end, rule.end)
        united.append(Rule(at, start, end))
    return united


def _lines(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    line: list[Rule] = []
    for rule in rules:
        if line and rule.at > line[0].at + _NEAR:
            yield line
            line = []
        line.append(rule)
    if line:
        yield line


def _boxes(container: object, count: int, get: Callable[..., object], matrix: _Matrix, depth: int) -> Iterator[Box]:
    """The boxes of level and upright edges that are drawn, on the page as it is stored."""
    for index in range(min(count, _MOST_OBJECTS)):
        drawn = get(container, index)
        kind = pdfium_c.FPDFPageObj_GetType(drawn)
        if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
            yield from _path_boxes(drawn, matrix)
        elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _DEEPEST_FORM:
            inner = pdfium_c.FPDFFormObj_CountObjects(drawn)
            yield from _boxes(
                drawn, max(inner, 0), pdfium_c.FPDFFormObj_GetObject, _times(_matrix(drawn), matrix), depth + 1
            )


def _path_boxes(path: object, matrix: _Matrix) -> Iterator[Box]:
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDFPath_GetDrawMode(path, mode, stroke)
    if not stroke.value and (not mode.value or _is_white(path)):
        return  # it only clips, or covers what is below it
    count = pdfium_c.FPDFPath_CountSegments(path)
    if not 1 < count <= _MOST_SEGMENTS:
        return
    placed = _times(_matrix(path), matrix)
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[tuple[int, float, float]] = []
    start = (0.0, 0.0)
    for index in range(count):
        segment = pdfium_c.FPDFPath_GetPathSegment(path, index)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
        a, b, c, d, e, f = placed
        point = (a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            start = point
        points.append((kind, *point))
        if pdfium_c.FPDFPathSegment_GetClose(segment):
            points.append((pdfium_c.FPDF_SEGMENT_LINETO, *start))
    for (_, left, bottom), (kind, right, top) in pairwise(points):
        if kind == pdfium_c.FPDF_SEGMENT_LINETO and (abs(left - right) < _BENT or abs(bottom - top) < _BENT):
            yield min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _is_white(path: object) -> bool:
    channels = [ctypes.c_uint() for _ in range(4)]
    pdfium_c.FPDFPageObj_GetFillColor(path, *channels)
    return all(channel.value >= _WHITE for channel in channels[:3])


def _matrix(drawn: object) -> _Matrix:
    found = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(drawn, found):
        return _UNMOVED
    return found.a, found.b, found.c, found.d, found.e, found.f


def _times(inner: _Matrix, outer: _Matrix) -> _Matrix:
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u
