"""The table of a page as lines that can be read alone: each cell with the name that the page gives its column.

Merged cells stand in each row and column that they cover. A header of several rows becomes one, each column with all of
its labels; a row that is one cell is the name of the part below it, and stands in each row of that. Works on cells
whose text is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Literal, TypeAlias

from corpora.loaders.formats.tables import rows as named_rows
from corpora.loaders.formats.tables.cell_kinds import kind_of

Section: TypeAlias = Literal["head", "body", "foot"]

_ORDER: dict[Section, int] = {"head": 0, "body": 1, "foot": 2}
# A label is repeated; a remark of this length or more is not.
_LONGEST_LABEL = 120
# The name of a part is no sentence.
_LONGEST_PART = 80
_ENDS_OF_REMARKS = (".", "!", "?", "…", ";")
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
    """The rows in the order of the page, without names; those of a header as one."""
    return [run.cells for run in _runs(_in_order(rows))]


def readable_lines(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """(number, line) of each row that is not empty, in the order of the page, with the names of its columns."""
    rows = _in_order(rows)
    runs = list(_runs(rows))
    widest = max((len(run.cells) for run in runs), default=0)
    tables = [_Table(None if widest > 1 and not _is_form(rows) else 0)]
    titles: list[tuple[str, str]] = []
    parts = _parts(runs)
    for number, run in enumerate(runs, 1):
        if run.role == "title":
            titles.append((str(number), run.text))
            continue
        if run.role == "header":
            tables.append(_Table(int(widest > 1 and max(map(len, run.cells)) <= _LONGEST_LABEL)))
        tables[-1].rows.append(named_rows.Row(number, run.cells))
    lines = [line for table in tables for line in named_rows.table_lines(table.rows, header_rows=table.header_rows)]
    named = [(number, f"{parts[int(number)]} | {line}" if int(number) in parts else line) for number, line in lines]
    return sorted([*named, *((number, text) for number, text in titles if text)], key=lambda line: int(line[0]))


@dataclass(slots=True)
class _Table:
    """Rows with one header: ``header_rows`` of them at the top, None if the page does not say."""

    header_rows: int | None
    rows: list[named_rows.Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Run:
    """A row as it is written, or the rows of a header as one."""

    role: Literal["title", "header", "row"]
    cells: list[str]
    row: Row

    @property
    def text(self) -> str:
        """All that a title says."""
        return " ".join(self.cells)


def _in_order(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: _ORDER[row.section])


def _runs(rows: Sequence[Row]) -> Iterator[_Run]:
    grid = _grid(rows)
    headers = _headers(rows, grid)
    i = 0
    while i < len(rows):
        end = i + 1
        if _is_title(grid[i]):
            yield _Run("title", _written(grid[i]), rows[i])
        elif i in headers:
            while end in headers:
                end += 1
            yield _Run("header", _written(_labels(grid[i:end]) if end > i + 1 else grid[i]), rows[i])
        else:
            yield _Run("row", _written(grid[i]), rows[i])
        i = end


def _headers(rows: Sequence[Row], grid: Sequence[_Line]) -> set[int]:
    """The rows that name columns: those of ``<thead>``, and any others of nothing but header cells, above some row."""
    plain = [i for i, line in enumerate(grid) if not _is_title(line)]
    head = [i for i in plain if rows[i].section == "head"]
    if not head or len(head) == len(plain):
        head = list(takewhile(lambda i: _names_columns(rows[i]), plain))
    found = {i for i in plain if rows[i].section == "body" and _names_columns(rows[i]) and not _has_values(rows[i])}
    found |= set(head)
    for last in reversed(plain):  # what has no rows below names nothing
        if last not in found:
            break
        found.discard(last)
    return set() if any(all(i + n in found for n in range(_MOST_HEADER_ROWS + 1)) for i in found) else found


def _parts(runs: Sequence[_Run]) -> dict[int, str]:
    """The name of the part in which a row stands, by its number: that of the nearest row above which is one cell."""
    parts: dict[int, str] = {}
    titles = sum(run.role == "title" for run in runs)
    part, group, is_above_all, has_rows = "", 0, titles == 1, False
    for number, run in enumerate(runs, 1):
        if run.role == "title":
            if is_above_all or run.row.section != "body":
                continue
            if run.text and len(run.text) <= _LONGEST_PART and not run.text.endswith(_ENDS_OF_REMARKS):
                part, group, has_rows = run.text.rstrip(":"), run.row.group, False
        elif run.role == "header":
            part, is_above_all = "", False
        else:
            if run.row.section != "body" or (has_rows and run.row.group != group):
                part = ""
            is_above_all, has_rows, group = False, True, run.row.group
            if part:
                parts[number] = part
    return parts


def _is_form(rows: Sequence[Row]) -> bool:
    """Whether the first row has the header cell of a row: then none names the columns."""
    return bool(rows) and len(rows[0].cells) == 2 and [cell.is_header for cell in rows[0].cells] == [True, False]


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


def _names_columns(row: Row) -> bool:
    return bool(row.cells) and all(cell.is_header for cell in row.cells)


def _has_values(row: Row) -> bool:
    """Whether this is the row of a sum, say."""
    return any(kind_of(cell.text) in ("number", "quantity") for cell in row.cells)


def _is_title(line: _Line) -> bool:
    """Whether one cell covers the whole row."""
    return len(line) > 1 and len({id(place.cell) for place in line if place}) == 1


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
    if _is_title(line):
        return [line[0].cell.text] if line[0] and line[0].is_first else []
    return [
        "" if place is None or not (place.is_first or len(place.cell.text) <= _LONGEST_LABEL) else place.cell.text
        for place in line
    ]
