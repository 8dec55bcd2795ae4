"""Draws tables into PDFs, ruled and not, with what their rows are, to count what a loader makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.support.pdf_bytes import Drawn, Rule, Words, pdf, width

_PLACES = (
    "Torsby Lindby Norre Sandvik Holm Berga Ekeby Vik Dal Hamra Lund Sunda Strand Mora Fors Gade Kulla Rya Salen Tuna"
).split()
_THINGS = (
    "harbour ferry ladder bridge lamp kettle saddle lantern compass barrel anchor mirror candle basket hammer needle"
).split()
_REMARKS = (
    "closed on holidays from May on", "only with a ticket bought before", "repaired twice by the same firm",
    "see the notice at the main gate", "not for those under twelve years", "on loan until the end of winter",
)  # fmt: skip
_NAMES = "Station Article Remark Price Stock Opened Weight Owner".split()
_PROSE = (
    "The board met on the ninth of March in the old customs house and it decided to raise the fee for all berths"
).split()


@dataclass(frozen=True, slots=True)
class Style:
    """How a table is drawn. ``rules`` are those of a grid, between rows, below the head, around it, or none."""

    rules: str
    gap: float = 10.0
    is_bold: bool = False
    is_zebra: bool = False
    is_spanned: bool = False
    is_beside_prose: bool = False
    across_pages: bool = False


@dataclass(slots=True)
class DrawnTable:
    """A PDF with a table, and the cells of its rows; the first cell of each row is found in no other."""

    data: bytes
    names: list[str]
    rows: list[list[str]]


@dataclass(slots=True)
class _Sheet:
    pages: list[list[Drawn]] = field(default_factory=lambda: [[]])

    def add(self, *drawn: Drawn) -> None:
        self.pages[-1] += drawn


def styles() -> Iterator[Style]:
    """All that are tried, again and again."""
    while True:
        for rules in ("grid", "rows", "head", "none", "frame", "booktabs"):
            yield Style(rules)
            yield Style(rules, is_bold=True)
            yield Style(rules, gap=6.0, is_bold=True)
            yield Style(rules, is_zebra=rules != "grid", across_pages=True, is_bold=True)
            yield Style(rules, is_spanned=True, is_bold=True)
            yield Style(rules, is_beside_prose=True, gap=8.0)


def draw(seed: int, style: Style) -> DrawnTable:
    """A table of that style; the seed decides on its size and on what it says."""
    some = random.Random(seed)
    count = some.randint(26, 40) if style.across_pages else some.randint(4, 12)
    places = [f"{place} {n}" if n else place for n in range(3) for place in _PLACES]
    keys = some.sample(places, count) if not style.is_spanned else places[:count]
    kinds = some.sample(range(1, 6), some.randint(2, 3 if style.is_beside_prose else 4))
    rows = [[key, *(_cell(some, kind) for kind in kinds)] for key in keys]
    names = some.sample(_NAMES[1:], len(kinds))
    return DrawnTable(_drawn(rows, ["Place", *names], style, some), ["Place", *names], rows)


def _cell(some: random.Random, kind: int) -> str:
    if some.random() < 0.12:
        return ""
    if kind == 1:
        return f"{some.randint(1, 9_999):,}"
    if kind == 2:
        return f"{some.randint(0, 23):02}:{some.randint(0, 59):02}"
    if kind == 3:
        return some.choice(_REMARKS)
    if kind == 4:
        return f"{some.choice(_THINGS)} {some.choice(_THINGS)}"
    return f"{some.randint(0, 99)}.{some.randint(0, 9)} %"


def _wrapped(text: str, limit: float, size: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if width(longer, size) <= limit or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _drawn(rows: Sequence[list[str]], names: list[str], style: Style, some: random.Random) -> bytes:
    size, pitch, padding = 10.0, 12.0, some.choice((2.0, 3.0, 5.0))
    if style.rules == "none" and not style.is_zebra:
        padding = some.choice((1.0, 2.0, 4.0))
    columns = list(zip(names, *rows, strict=True))
    limits = [110.0 if any(cell in _REMARKS for cell in column) else 150.0 for column in columns]
    widths = [
        max(width(line, size) for cell in column for line in _wrapped(cell, limit, size)) * 1.06 + style.gap
        for column, limit in zip(columns, limits, strict=True)
    ]
    left = 320.0 - sum(widths) / 2 if not style.is_beside_prose else 560.0 - sum(widths)
    edges = [left + sum(widths[:n]) for n in range(len(widths) + 1)]
    is_number = [sum(cell[:1].isdigit() for cell in column[1:]) > len(column) / 2 for column in columns]
    sheet = _Sheet()
    y = 700.0
    if not style.is_beside_prose:
        sheet.add(*_prose(60.0, y + 50, 490.0, 2, size))
    else:
        sheet.add(*_prose(60.0, y, edges[0] - 80.0, 14, size))
    top = y + pitch + padding - 3
    tops = [top]
    if style.is_spanned and len(names) > 2:
        middle = (edges[1] + edges[3]) / 2
        sheet.add(Words(middle - width("Summer 2020", size) / 2, y, "Summer 2020", size, "F3"))
        y -= pitch + 2 * padding
        tops.append(y + pitch + padding - 3)
    heads = len(tops)
    for number, row in enumerate([names, *rows]):
        lines = [_wrapped(cell, limit, size) for cell, limit in zip(row, limits, strict=True)]
        height = max(map(len, lines)) * pitch
        if y - height < 60:
            _rules(sheet, style, edges, tops, heads)
            sheet.pages.append([])
            y = 740.0
            tops, heads = [y + pitch + padding - 3], 0
            if some.random() < 0.5:
                y = _row(sheet, [[name] for name in names], edges, y, style, is_head=True, is_number=is_number)
                y -= 2 * padding
                tops, heads = [*tops, y + pitch + padding - 3], 1
        if style.is_zebra and number % 2:
            sheet.add(Rule(edges[0], y - height + pitch - padding - 3, edges[-1], y + pitch + padding - 3, 0.92))
        y = _row(sheet, lines, edges, y, style, is_head=number == 0, is_number=is_number) - 2 * padding
        tops.append(y + pitch + padding - 3)
    _rules(sheet, style, edges, tops, heads)
    if not style.is_beside_prose:
        sheet.add(*_prose(60.0, y - 30, 490.0, 2, size))
    return pdf(sheet.pages)


def _row(
    sheet: _Sheet,
    lines: Sequence[Sequence[str]],
    edges: Sequence[float],
    y: float,
    style: Style,
    *,
    is_head: bool,
    is_number: Sequence[bool],
) -> float:
    """Draw the cells of a row, numbers flush right; where the next row begins."""
    font = "F3" if is_head and style.is_bold else "F1"
    for column, cell in enumerate(lines):
        for n, line in enumerate(cell):
            if line:
                x = edges[column] + style.gap / 2
                if is_number[column]:
                    x = edges[column + 1] - style.gap / 2 - width(line)
                sheet.add(Words(round(x, 2), y - 12.0 * n, line, 10.0, font))
    return y - 12.0 * max(map(len, lines))


def _rules(sheet: _Sheet, style: Style, edges: Sequence[float], tops: Sequence[float], heads: int) -> None:
    """The rules of the part of a table on this page; its rows begin at ``tops``, its names at the first ``heads``."""
    left, right = edges[0], edges[-1]
    if style.rules == "none":
        return
    if style.rules in ("grid", "rows"):
        level = list(tops)
    elif style.rules == "head":
        level = list(tops[heads : heads + 1] if heads else [])
    else:
        level = [tops[0], *(tops[heads : heads + 1] if heads else []), tops[-1]]
    sheet.add(*(Rule(left, at, right, at) for at in level))
    upright = {"grid": edges, "frame": edges}.get(style.rules, [])
    for n, x in enumerate(upright):
        top = tops[1] if style.is_spanned and heads > 1 and n == 2 and len(edges) > 3 else tops[0]
        sheet.add(Rule(x, top, x, tops[-1]))


def _prose(x: float, y: float, wide: float, count: int, size: float) -> list[Words]:
    lines = _wrapped(" ".join(_PROSE * count), wide, size)[:count]
    return [Words(x, y - 12.0 * n, line, size) for n, line in enumerate(lines)]


def share_in_row(table: DrawnTable, text: str) -> float:
    """The share of cells that are on a line with the first cell of their row, and with that of no other row."""
    lines = [f" {line} " for line in text.split("\n")]
    keys = [row[0] for row in table.rows]
    own: dict[str, list[str]] = {
        key: [line for line in lines if _holds(line, key) and not any(_holds(line, k) for k in keys if k != key)]
        for key in keys
    }
    cells = [(row[0], cell) for row in table.rows for cell in row if cell]
    return sum(any(_holds(line, cell) for line in own[key]) for key, cell in cells) / len(cells)


def _holds(line: str, cell: str) -> bool:
    """Whether a cell of a line is this text, perhaps behind the name of its column."""
    return any(part == cell or part.endswith(f": {cell}") for part in map(str.strip, line.split("|")))
