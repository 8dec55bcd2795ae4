"""Lines and tables of a PDF's pages to reading text: finds paragraphs, items, headings and code, writes rows of tables.

A PDF has no paragraphs: they are recognised by gaps, indents, font heights and lines that end early. A table goes on at
the top of the next page if it has as many columns there. Knows nothing of pdfium.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from corpora.documents import Mark
from corpora.loaders.formats.pdf.pdf_tables import Table
from corpora.loaders.formats.pdf.pdf_words import Piece
from corpora.loaders.formats.tables.rows import Cell, Row, table_lines
from corpora.text.code_detection import CODE_INDENT
from corpora.text.line_breaks import LINE_END
from corpora.text.reflow import Joiner

_BULLET = re.compile(r"(?:[\u2022\u25cf\u25e6\u25aa\u2023\uf0b7*\u2013-]|\(?\d{1,3}[.)])\s+(?=\S)")
_ROUND_BULLET = re.compile(r"^[\u2022\u25cf\u25e6\u25aa\u2023\uf0b7*\u2013]\s+")
# A row of dots that leads to the number of a page.
_LEADER = re.compile(r"(?:(?:\. ?){5,}|\u2026{2,})\s*\w{0,6}$")
_BROKEN_WORD = re.compile(r"[^\W\d_]-$")
# A gap this much wider than the usual one, or a font this much higher or lower, separates two blocks.
_WIDE_GAP, _OTHER_HEIGHT = 1.3, 0.15
# A line was ended on purpose if the next word would have fitted and left this share of the width free.
_FREE_SHARE = 0.1
# Prose is wider than this (in heights of a line).
_NARROW = 12.0
# The right edge of a column is looked for this many lines up and down, among lines that begin this near (points).
_EDGE_LINES, _EDGE_NEAR = 8, 60.0
# Columns of a table on two pages begin this near to each other (points).
_SAME_COLUMN = 20.0
_JOINED, _NEW_LINE, _NEW_BLOCK = "", "\n", "\n\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page; boxes in points, the origin at the lower left."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    is_fixed_pitch: bool

    @classmethod
    def of(cls, piece: Piece) -> Line:
        """A piece that is a line of its own."""
        return cls(piece.text, piece.left, piece.right, piece.bottom, piece.top, piece.is_fixed_pitch)

    @property
    def height(self) -> float:
        return max(self.top - self.bottom, 0.1)


@dataclass(frozen=True, slots=True)
class Layout:
    """Reading text, the offset in it at which each page begins, and a mark a row of a table."""

    text: str
    page_starts: list[int]
    rows: list[Mark]


@dataclass(slots=True)
class _Block:
    """Lines that belong together, each with the number of its page; ``gap`` separates the block from the one before."""

    gap: str
    lines: list[tuple[int, Line]] = field(default_factory=list)

    def parts(self) -> Iterator[_Part]:
        if all(line.is_fixed_pitch for _, line in self.lines):
            yield from self._code()
            return
        for n, (page, line) in enumerate(self.lines):
            yield _Part(page, _ROUND_BULLET.sub("- ", line.text) if n == 0 else line.text, is_joined=n > 0)

    def _code(self) -> Iterator[_Part]:
        margin = min(line.left for _, line in self.lines)
        for n, (page, line) in enumerate(self.lines):
            character_width = max((line.right - line.left) / len(line.text), 0.1)
            indent = " " * min(round((line.left - margin) / character_width), 80)
            yield _Part(page, ("\n" if n else "") + CODE_INDENT + indent + line.text)


@dataclass(slots=True)
class _TableBlock:
    """The rows of a table, each with the number of its page; it may go on over several pages."""

    gap: str
    last: Table
    joiner: Joiner
    rows: list[tuple[int, Sequence[Cell]]]

    def goes_on(self, page: int, table: Table) -> bool:
        """Whether this is the same table on the next page."""
        if page != self.rows[-1][0] + 1 or len(table.lefts) != len(self.last.lefts):
            return False
        return all(abs(a - b) < _SAME_COLUMN for a, b in zip(self.last.lefts, table.lefts, strict=True))

    def go_on(self, page: int, table: Table) -> None:
        """Add the rows of the next page, without the names of the columns if it repeats them."""
        repeated = 0
        while repeated < len(table.rows) and table.rows[repeated] == self.rows[repeated][1]:
            repeated += 1
        self.rows += [(page, row) for row in table.rows[repeated:]]
        self.last = replace(table, heads=self.last.heads)

    def parts(self) -> Iterator[_Part]:
        cells = [[None if cell is None else self._in_one_line(cell) for cell in row] for _, row in self.rows]
        if self.last.has_labels:
            lines = [(str(n), " ".join(filter(None, row))) for n, row in enumerate(cells, 1)]
        else:
            lines = list(table_lines((Row(n, row) for n, row in enumerate(cells, 1)), header_rows=self.last.heads))
        for n, (label, line) in enumerate(lines):
            if n:
                yield _Part(self.rows[int(label) - 1][0], "\n")
            yield _Part(self.rows[int(label) - 1][0], line, row=label)

    def _in_one_line(self, cell: str) -> str:
        return self.joiner.joined(cell.split("\n"))


@dataclass(frozen=True, slots=True)
class _Part:
    """Text on a page; ``row`` is its label if it is a row of a table."""

    page: int
    text: str
    is_joined: bool = False
    row: str | None = None


def laid_out(pages: Sequence[Sequence[Line | Table]]) -> Layout:
    """The reading text of all pages."""
    joiner = Joiner("\n".join(item.text for items in pages for item in items if isinstance(item, Line)))
    parts: list[str] = []
    rows: list[Mark] = []
    length, starts = 0, [-1] * len(pages)
    for block in _blocks(pages, joiner):
        parts.append(block.gap)
        length += len(block.gap)
        for part in block.parts():
            cut, gap = joiner.seam(parts[-1], part.text) if part.is_joined else (0, "")
            parts[-1] = parts[-1][: len(parts[-1]) - cut] + gap
            length += len(gap) - cut
            if starts[part.page] < 0 and part.text != _NEW_LINE:
                starts[part.page] = length
            if part.row is not None:
                rows.append(Mark(length, length + len(part.text), "row", part.row))
            parts.append(part.text)
            length += len(part.text)
    return Layout("".join(parts), _filled(starts, length), rows)


def _filled(starts: list[int], end: int) -> list[int]:
    """A page without text of its own begins where the next one does."""
    for page in reversed(range(len(starts))):
        if starts[page] < 0:
            starts[page] = starts[page + 1] if page + 1 < len(starts) else end
    return starts


def _blocks(pages: Sequence[Sequence[Line | Table]], joiner: Joiner) -> Iterator[_Block | _TableBlock]:
    """Group lines; a paragraph may run over the end of a column or a page."""
    block: _Block | _TableBlock = _Block(_JOINED)
    before, edge, is_first = None, 0.0, True
    for number, items in enumerate(pages):
        lines = [item for item in items if isinstance(item, Line)]
        usual_gap, n = _usual_gap(lines), 0
        for place, item in enumerate(items):
            gap = _JOINED if is_first else _NEW_BLOCK
            is_first = False
            if isinstance(item, Table):
                if place == 0 and isinstance(block, _TableBlock) and block.goes_on(number, item):
                    block.go_on(number, item)
                    continue
                if isinstance(block, _TableBlock) or block.lines:
                    yield block
                block, before = _TableBlock(gap, item, joiner, [(number, row) for row in item.rows]), None
                continue
            if before is not None:
                gap = _gap(before, item, edge, None if place == 0 else usual_gap)
                if gap == _JOINED and isinstance(block, _Block) and _is_left_of_item(item, block):
                    gap = _NEW_BLOCK
            if isinstance(block, _TableBlock) or (gap != _JOINED and block.lines):
                yield block
                block = _Block(gap)
            block.lines.append((number, item))
            before, edge = item, _right_edge(lines, n)
            n += 1
    if isinstance(block, _TableBlock) or block.lines:
        yield block


def _is_left_of_item(line: Line, block: _Block) -> bool:
    """Whether a line begins left of the list item above it, and so is not part of that."""
    page, first = block.lines[0]
    is_same_page = page == block.lines[-1][0] and first.bottom > line.bottom
    return is_same_page and bool(_BULLET.match(first.text)) and line.left < first.left - 0.5 * first.height


def _gap(before: Line, line: Line, edge: float, usual_gap: float | None) -> str:
    """What separates a line from the one before it; ``usual_gap`` is None at the beginning of a page."""
    if before.is_fixed_pitch and line.is_fixed_pitch:
        return _JOINED
    same_height = abs(before.height - line.height) <= _OTHER_HEIGHT * max(before.height, line.height)
    if before.is_fixed_pitch != line.is_fixed_pitch or not same_height:
        return _NEW_BLOCK
    drop = before.bottom - line.bottom
    moved_on = usual_gap is None or drop < -before.height / 2  # to the next page or column
    is_wide = not moved_on and usual_gap is not None and drop > _WIDE_GAP * usual_gap
    if _BULLET.match(line.text):
        return _NEW_BLOCK if is_wide else _NEW_LINE
    if _LEADER.search(before.text):
        return _NEW_BLOCK if is_wide else _NEW_LINE
    ended = LINE_END.search(before.text) is not None
    if moved_on:
        return _NEW_BLOCK if ended or not line.text[0].islower() else _JOINED
    if is_wide:
        return _NEW_BLOCK
    if _BROKEN_WORD.search(before.text) and line.text[0].islower():
        return _JOINED
    is_indented = line.left > before.left + 0.8 * before.height
    if ended and is_indented:
        return _NEW_BLOCK
    if _was_ended(before, line, edge):
        return _NEW_BLOCK if ended else _NEW_LINE
    return _NEW_LINE if _is_in_narrow_block(before, line, edge) else _JOINED


def _was_ended(before: Line, line: Line, edge: float) -> bool:
    """Whether the line before was ended on purpose: the first word of ``line`` would have fitted easily."""
    character_width = (before.right - before.left) / len(before.text)
    first_word = len(line.text.split(None, 1)[0]) + 1
    return before.right + first_word * character_width < edge - _FREE_SHARE * (edge - before.left)


def _is_in_narrow_block(before: Line, line: Line, edge: float) -> bool:
    """Whether lines are too short for prose, as those of an address are, and each begins anew."""
    is_narrow = edge - before.left < _NARROW * before.height
    return is_narrow and (line.text[0].isupper() or line.text[0].isdigit()) and before.text[-1] not in ",-"


def _right_edge(lines: Sequence[Line], n: int) -> float:
    """The right edge of the lines around line ``n`` that begin near its left edge, up to a wide gap."""
    right = lines[n].right
    for step in (-1, 1):
        last = lines[n]
        for i in range(n + step, n + step * _EDGE_LINES, step):
            if not 0 <= i < len(lines):
                break
            line = lines[i]
            if abs(line.bottom - last.bottom) > 3 * last.height or abs(line.left - last.left) > _EDGE_NEAR:
                break
            right, last = max(right, line.right), line
    return right


def _usual_gap(lines: Sequence[Line]) -> float:
    """The median distance from one line to the next below it; wide where there is nothing to measure."""
    gaps = [
        a.bottom - b.bottom
        for a, b in pairwise(lines)
        if 0 < a.bottom - b.bottom < 3 * a.height and abs(a.height - b.height) <= _OTHER_HEIGHT * a.height
    ]
    tight = [gap for gap, line in zip(gaps, lines, strict=False) if gap <= 1.7 * line.height]
    return median(tight or gaps) if gaps else 2 * max((line.height for line in lines), default=1.0)
