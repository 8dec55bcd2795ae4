"""Rows of a sheet, a csv file or a table in a document to reading text: a line a row that can be read alone.

``Name: Ada | Price: 3``. Loaders of documents call ``write_table`` with a grid, which ``spread`` makes of merged cells;
loaders of sheets, which may be long and hold several tables, call ``write_rows``. Knows cells as text only, not the
format that they came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeAlias

from corpora.text.reading_text import PAGE_BREAK, ReadingText, in_one_line

Cell: TypeAlias = "str | None"
"""The text of a cell; None where the cell to its left goes on, merged across several columns."""

_LETTER = re.compile(r"[^\W\d_]")
_LONGEST_NAME, _LONGEST_LABEL = 80, 200
_LOOKED_AT = 50
_MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row from the first column on, and the row's number in its sheet or file."""

    number: int
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Merged:
    """A cell as documents write it: once, with the number of columns and rows that it covers."""

    text: str
    columns: int = 1
    rows: int = 1


def spread(rows: Iterable[Iterable[Merged]]) -> list[list[Cell]]:
    """The grid of a table whose merged cells are written once, as ``colspan`` and ``rowspan`` do.

    Each row that a cell covers has its text, in the first of its columns; the others are None. A text that is too long
    for a label stands in the first row alone.
    """
    grid: list[list[Cell]] = []
    open_cells: dict[int, tuple[int, list[Cell]]] = {}  # by first column: rows still to come, cells in each
    for row in rows:
        line: list[Cell] = []
        following: dict[int, tuple[int, list[Cell]]] = {}
        cells = iter(row)
        while len(line) < _MOST_COLUMNS:
            if at := open_cells.get(len(line)):
                left, covered = at[0], at[1]
            elif (cell := next(cells, None)) is not None:
                left = max(cell.rows, 1)
                width = min(max(cell.columns, 1), _MOST_COLUMNS - len(line))
                width = next((n for n in range(1, width) if len(line) + n in open_cells), width)
                covered = [cell.text, *[None] * (width - 1)]
            elif beyond := [column for column in open_cells if column > len(line)]:
                left, covered = 1, [""] * (min(beyond) - len(line))
            else:
                break
            if left > 1:
                following[len(line)] = (left - 1, _below(covered))
            line += covered
        grid.append(line)
        open_cells = following
    return grid


def _below(cells: list[Cell]) -> list[Cell]:
    """What the rows below repeat of a merged cell: its text if that is a label, without the page breaks in it."""
    text = (cells[0] or "").replace(PAGE_BREAK, " ")
    return [text if len(text) <= _LONGEST_LABEL else "", *cells[1:]]


def write_table(reading: ReadingText, grid: Iterable[Sequence[Cell]], *, header_rows: int | None = None) -> None:
    """Add a table of a document, one block with a line and a mark a row, counted from 1.

    ``grid`` holds the text of a merged cell in each row that it covers, and None in the columns after its first (see
    ``spread``). ``header_rows`` is how many rows at its top are said to be header rows by the document (``<thead>``,
    "repeat as header row"), 0 if it says that there is none; None if it says nothing: then they are found by what they
    hold, and rows that may as well be data name nothing. In text that is ``paged`` a row in which a page begins begins
    on that page.
    """
    block: list[tuple[str, str]] = []
    rows = [Row(number, cells) for number, cells in enumerate(grid, 1)]
    breaks = {row.number for row in rows if reading.paged and any(PAGE_BREAK in (cell or "") for cell in row.cells)}
    for number, line in table_lines(rows, header_rows=header_rows):
        if int(number) in breaks:
            reading.lines("row", block)
            reading.page_break()
            block = []
        block.append((number, line))
    reading.lines("row", block)


def write_rows(reading: ReadingText, rows: Iterable[Row], *, header_rows: int | None = None) -> None:
    """Add the rows of a sheet or file, which may be long and are read one by one; ``header_rows`` as in a table."""
    filled = iter(row for row in rows if any(cell and cell.strip() for cell in row.cells))
    above: list[Row] = []
    for row in filled:
        if sum(bool(cell and cell.strip()) for cell in row.cells) > 1:
            reading.lines("row", ((str(title.number), _line(title.cells, ())) for title in above))
            reading.lines("row", table_lines(chain([row], filled), header_rows=header_rows))
            return
        above.append(row)
    reading.lines("row", ((str(title.number), _line(title.cells, ())) for title in above))


def table_lines(rows: Iterable[Row], *, header_rows: int | None = None) -> Iterator[tuple[str, str]]:
    """(number, line) of each row of a table that is not empty: ``write_table`` for who needs the lines themselves."""
    filled = iter(row for row in rows if any(cell and cell.strip() for cell in row.cells))
    head = list(islice(filled, _LOOKED_AT + 1 + (header_rows or 0)))
    if header_rows is None:
        header_rows = 1 if head and _is_header(head[0], head[1:]) else 0
    names = _names(head[:header_rows])
    yield from ((str(row.number), _line(row.cells, ())) for row in head[:header_rows])
    yield from ((str(row.number), _line(row.cells, names)) for row in chain(head[header_rows:], filled))


def _is_header(row: Row, following: Sequence[Row]) -> bool:
    """Whether this row is a header: words, all different, none of them a value below."""
    names = [in_one_line(cell or "") for cell in row.cells]
    given = [name for name in names if name]
    if not following or len(set(given)) < len(given) or any(len(name) > _LONGEST_NAME for name in given):
        return False
    if not all(_LETTER.search(name) for name in given):
        return False
    for column, name in enumerate(names):
        below = {in_one_line(other.cells[column] or "") for other in following if column < len(other.cells)}
        if name and name in below:
            return False
    return True


def _names(header: Sequence[Row]) -> Sequence[str]:
    """The names of the columns, of several header rows joined: ``Price, 2023``."""
    width = max((len(row.cells) for row in header), default=0)
    parts: list[list[str]] = [[] for _ in range(width)]
    for row in header:
        text = ""
        for column, cell in enumerate(row.cells):
            text = text if cell is None else in_one_line(cell).rstrip(":")
            if text and (not parts[column] or parts[column][-1] != text):
                parts[column].append(text)
    return [", ".join(part) for part in parts]


def _line(cells: Sequence[Cell], names: Sequence[str]) -> str:
    parts = []
    for column, cell in enumerate(cells):
        if text := in_one_line(cell or ""):
            name = names[column] if column < len(names) else ""
            parts.append(f"{name}: {text}" if name else text)
    return " | ".join(parts)
