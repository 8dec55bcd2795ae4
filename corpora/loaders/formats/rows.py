"""Rows of a sheet or a csv file to reading text: a line a row that can be read alone, ``Name: Ada | Price: 3``.

Knows cells as text only, not the format that they came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from corpora.text.reading_text import ReadingText, in_one_line

_LETTER = re.compile(r"[^\W\d_]")
_LONGEST_NAME = 80
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row from the first column on, and the row's number in its sheet or file."""

    number: int
    cells: Sequence[str]


def write_rows(reading: ReadingText, rows: Iterable[Row]) -> None:
    """Add a table whose first row of several cells, if it looks like a header, names the columns.

    Single cells above it are titles and remarks. Without names, cells are separated by bars.
    """
    filled = iter(row for row in rows if any(cell.strip() for cell in row.cells))
    above: list[Row] = []
    for row in filled:
        if sum(bool(cell.strip()) for cell in row.cells) > 1:
            following = list(islice(filled, _LOOKED_AT))
            names = _names(row, following)
            reading.lines("row", ((str(title.number), _line(title.cells, ())) for title in above))
            everything = chain([row] if names is None else following, following if names is None else (), filled)
            reading.lines("row", _lines(row, names, everything))
            return
        above.append(row)
    reading.lines("row", ((str(title.number), _line(title.cells, ())) for title in above))


def _lines(first: Row, names: Sequence[str] | None, rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    if names is not None:
        yield str(first.number), _line(first.cells, ())
    for row in rows:
        yield str(row.number), _line(row.cells, names or ())


def _names(row: Row, following: Sequence[Row]) -> Sequence[str] | None:
    """The names of the columns if this row is a header: words, all different, none of them a value below; else None."""
    names = [in_one_line(cell) for cell in row.cells]
    given = [name for name in names if name]
    if not following or len(set(given)) < len(given) or any(len(name) > _LONGEST_NAME for name in given):
        return None
    if not all(_LETTER.search(name) for name in given):
        return None
    for column, name in enumerate(names):
        below = {in_one_line(other.cells[column]) for other in following if column < len(other.cells)}
        if name and name in below:
            return None
    return names


def _line(cells: Sequence[str], names: Sequence[str]) -> str:
    parts = []
    for column, cell in enumerate(cells):
        if text := in_one_line(cell):
            name = names[column].rstrip(":") if column < len(names) else ""
            parts.append(f"{name}: {text}" if name else text)
    return " | ".join(parts)
