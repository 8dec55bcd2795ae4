"""The table of a page as rows that can be read: merged cells stand in each row and column that they cover.

A header of several rows becomes one, each column with all of its labels. Works on cells whose text is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal, TypeAlias

Section: TypeAlias = Literal["head", "body", "foot"]

_ORDER: dict[Section, int] = {"head": 0, "body": 1, "foot": 2}
# A label is repeated; a remark of this length or more is not.
_LONGEST_LABEL = 120
_MOST_HEADER_ROWS = 4
_WIDEST = 200
# Spans may claim far more cells than there are: this many of them for each that is written, and a few.
_CELLS_A_CELL, _FREE_CELLS = 20, 5_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and how many rows and columns it covers; 0 rows are all that follow in its section."""

    text: str
    rows: int = 1
    columns: int = 1
    is_header: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """The cells that begin in a row; no cell covers rows of two groups."""

    cells: tuple[Cell, ...]
    section: Section = "body"
    group: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """What stands in one row and column: a cell, whether this is its first place, and whether it begins in this row."""

    cell: Cell
    is_first: bool = True
    begins_here: bool = False


_Line: TypeAlias = list[_Place | None]


def readable_rows(rows: Sequence[Row]) -> list[list[str]]:
    """The rows in the order of the page, each to be read alone; those of a header as one."""
    rows = sorted(rows, key=lambda row: _ORDER[row.section])
    grid = _grid(rows)
    count = _header_rows(rows)
    if count > 1:
        titles = [line for line in grid[:count] if _is_title(line)]
        labels = _labels([line for line in grid[:count] if not _is_title(line)])
        grid = [*titles, labels, *grid[count:]]
    return [_written(line) for line in grid]


def _grid(rows: Sequence[Row]) -> list[_Line]:
    """The rows with every merged cell in each place that it covers, as far as the table goes."""
    budget = _FREE_CELLS + _CELLS_A_CELL * sum(len(row.cells) for row in rows)
    width = _width(rows)
    below: dict[int, tuple[Cell, int]] = {}  # by column: a cell from above, and how many rows it has still to cover
    grid: list[_Line] = []
    for i, row in enumerate(rows):
        if budget <= 0 or (i and rows[i - 1].group != row.group):
            below = {}
        line = _line(row, below, width)
        below = {column: (cell, left - 1) for column, (cell, left) in below.items() if left > 1}
        for column, place in enumerate(line):
            if place is not None and place.begins_here and place.cell.rows != 1:
                below[column] = (place.cell, place.cell.rows - 1 if place.cell.rows else len(rows))
        budget -= len(line)
        grid.append(line)
    return grid


def _line(row: Row, above: Mapping[int, tuple[Cell, int]], width: int) -> _Line:
    """The places of a row: its own cells, in those that cells from above leave free."""
    line: _Line = []
    for cell in row.cells:
        while len(line) in above:
            line.append(_Place(above[len(line)][0], is_first=False))
        covered = max(1, min(cell.columns, width - len(line)))
        for n in range(covered):
            if n and len(line) in above:
                break
            line.append(_Place(cell, is_first=n == 0, begins_here=True))
    for column in range(len(line), max(above, default=-1) + 1):
        line.append(_Place(above[column][0], is_first=False) if column in above else None)
    return line


def _width(rows: Sequence[Row]) -> int:
    """How many columns there are: of the rows without wide cells, if there are such, else of all."""
    plain = [len(row.cells) for row in rows if len(row.cells) > 1 and all(cell.columns == 1 for cell in row.cells)]
    wide = [sum(cell.columns for cell in row.cells) for row in rows if len(row.cells) > 1]
    tall = any(cell.rows != 1 for row in rows for cell in row.cells)
    if plain and not tall:
        return max(plain)
    return min(max([*plain, *wide], default=1), _WIDEST)


def _header_rows(rows: Sequence[Row]) -> int:
    """How many rows at the top name the columns."""
    head = sum(row.section == "head" for row in rows)
    if not head:
        head = len(list(takewhile(_names_columns, rows)))
    return head if head < len(rows) and head <= _MOST_HEADER_ROWS else 0


def _names_columns(row: Row) -> bool:
    return bool(row.cells) and all(cell.is_header for cell in row.cells)


def _is_title(line: _Line) -> bool:
    """Whether one cell covers the whole row."""
    return len({id(place.cell) for place in line if place}) == 1


def _labels(lines: Sequence[_Line]) -> _Line:
    """One row with the labels of each column from top to bottom."""
    width = max((len(line) for line in lines), default=0)
    labels: _Line = []
    for column in range(width):
        places = (line[column] for line in lines if column < len(line))
        texts = [place.cell.text for place in places if place is not None]
        text = " ".join(dict.fromkeys(filter(None, texts)))
        labels.append(_Place(Cell(text, is_header=True)))
    return labels


def _written(line: _Line) -> list[str]:
    """The texts of a row; a cell that covers all of it, or is no mere label, stands once."""
    if len(line) > 1 and _is_title(line):
        return [line[0].cell.text] if line[0] and line[0].is_first else []
    return [
        "" if place is None or not (place.is_first or len(place.cell.text) <= _LONGEST_LABEL) else place.cell.text
        for place in line
    ]
