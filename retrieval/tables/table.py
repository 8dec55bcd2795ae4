"""The tables of a document as loaders write them, read back into rows and columns.

A row stands on a line that can be read alone, ``Name: Ada | Price: 3``, and a record on a line for each of its fields;
marks say where each of them is. A line with the names alone begins a table, and so do other names, another sheet,
another text between. Knows no questions. Offsets are in the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from corpora.documents import Document, Mark
from retrieval.tables.cells import Readings, is_empty, read

_CELL: Final = " | "
_NAMED: Final = ": "
_LONGEST_TITLE: Final = 120
_MOST_COLUMNS: Final = 200
_LONGEST_RECORD: Final = 1_000
_TOTALS: Final = frozenset(
    "total totals sum subtotal overall average mean gesamt summe insgesamt mittelwert durchschnitt somme totale media"
    " moyenne suma promedio totaal".split()
) | {"grand total", "sub total", "in total", "all together"}


@dataclass(frozen=True, slots=True)
class Row:
    """``document.text[start:end]`` and its cells, one a column, empty where it has none.

    ``section`` is the line of one cell that stands over it inside the table. ``is_total``: it sums up others.
    """

    start: int
    end: int
    label: str
    cells: tuple[str, ...]
    section: str = ""
    is_total: bool = False


@dataclass(frozen=True)
class Table:
    """Rows below the same names. ``titles`` stand above it, the outermost first: document, sheet, headings, a line."""

    document: str
    names: tuple[str, ...]
    rows: tuple[Row, ...]
    titles: tuple[str, ...] = ()
    language: str | None = None
    _readings: dict[int, Readings] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def data(self) -> tuple[Row, ...]:
        """The rows that do not sum up others."""
        return tuple(row for row in self.rows if not row.is_total)

    def texts(self, column: int) -> list[str]:
        """The cells of a column in ``data``."""
        return [row.cells[column] for row in self.data]

    def read(self, column: int) -> Readings:
        """The cells of a column in ``data`` as values; computed once."""
        if column not in self._readings:
            self._readings[column] = read(self.texts(column), language=self.language)
        return self._readings[column]


def tables_of(document: Document) -> tuple[Table, ...]:
    """The tables of a document, in its order; those without names of columns, and without rows, are none."""
    language = document.metadata.get("language")
    above = _Above(document)
    found: list[Table] = []
    for parts in (_tables_of_rows(document), _tables_of_records(document)):
        for part in parts:
            if part.rows and any(part.names):
                titles = tuple(dict.fromkeys((*above.of(part.rows[0].start), *part.titles)))
                names = tuple(part.names)
                rows = tuple(_padded(row, len(names)) for row in part.rows)
                found.append(Table(document.name, names, rows, titles, language if isinstance(language, str) else None))
    return tuple(found)


@dataclass(slots=True)
class _Part:
    """A table while its rows are read; ``sheet`` and ``end`` are where its last row stands."""

    names: list[str]
    titles: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    section: str = ""
    places: dict[str, int] = field(default_factory=dict)

    def place_of(self, name: str) -> int:
        """The column of that name, added behind the others if there is none."""
        if name not in self.places:
            self.places[name] = len(self.names)
            self.names.append(name)
        return self.places[name]


def _tables_of_rows(document: Document) -> Iterator[_Part]:
    text = document.text
    marks = [mark for mark in document.marks if mark.kind == "row"]
    borders = sorted(mark.start for mark in document.marks if mark.kind == "sheet")
    part: _Part | None = None
    for block in _blocks(marks, text):
        if part is not None and not _goes_on(part, block, text, borders):
            yield part
            part = None
        *ended, part = _walked(block, text, part)
        yield from (one for one in ended if one is not None)
    if part is not None:
        yield part


def _blocks(marks: Sequence[Mark], text: str) -> Iterator[list[Mark]]:
    """Rows on lines right below each other."""
    block: list[Mark] = []
    for mark in marks:
        if block and not (mark.start == block[-1].end + 1 and text[block[-1].end] == "\n"):
            yield block
            block = []
        block.append(mark)
    if block:
        yield block


def _goes_on(part: _Part, block: Sequence[Mark], text: str, sheets: Sequence[int]) -> bool:
    """Whether a block behind nothing but a blank line has the rows of the table before it."""
    if not part.rows:
        return False
    end, start = part.rows[-1].end, block[0].start
    if text[end:start].strip() or any(end < sheet <= start for sheet in sheets):
        return False
    return _cells(text[start : block[0].end], part, grows=False) is not None


def _walked(block: Sequence[Mark], text: str, part: _Part | None) -> Iterator[_Part | None]:
    """The tables of a block, the last of which may go on; ``part`` goes on until other names begin."""
    waiting: list[str] = []
    for mark in block:
        line = text[mark.start : mark.end]
        if part is not None and (cells := _cells(line, part)) is not None:
            if waiting:
                part.section, waiting = waiting[-1] if len(waiting) == 1 and _CELL not in waiting[-1] else "", []
            part.rows.append(_row(mark, cells, part.section))
            continue
        names = _names_above(waiting, line)
        if names is None:
            waiting.append(line)
            continue
        if part is not None:
            yield part
        part = _Part([], titles=[line for line in waiting[:-1] if _CELL not in line and len(line) <= _LONGEST_TITLE])
        for name in names:
            part.place_of(name)
        waiting = []
        cells = _cells(line, part)
        if cells is not None:
            part.rows.append(_row(mark, cells, ""))
    yield part


def _names_above(waiting: Sequence[str], line: str) -> list[str] | None:
    """The names of the columns, where the lines above are their header; None where they are none."""
    if not waiting:
        return None
    parts = line.split(_CELL)
    names = waiting[-1].split(_CELL)
    if len(names) <= _MOST_COLUMNS and any(part.startswith(f"{name}{_NAMED}") for name in names for part in parts):
        return names
    # A header of several rows: each name is made of labels that stand above each other.
    labels = {label for above in waiting[-4:] for label in above.split(_CELL)}
    made = [name for part in parts if (name := part.partition(_NAMED)[0]) != part]
    if made and all(all(label in labels for label in name.split(", ")) for name in made):
        return made
    return None


def _cells(line: str, part: _Part, *, grows: bool = True) -> dict[int, str] | None:
    """The cells of a line by column; None unless one of them has the name of a column.

    What has no name belongs to the cell before it, which had a bar in it, or names the part of the table that the row
    is in.
    """
    cells: dict[int, str] = {}
    last, before = -1, ""
    for piece in line.split(_CELL):
        name, mark, value = piece.partition(_NAMED)
        column = part.places.get(name) if mark else None
        if mark and column is None:
            column = next((place for other, place in part.places.items() if piece.startswith(f"{other}{_NAMED}")), None)
            if column is not None:
                value = piece[len(part.names[column]) + len(_NAMED) :]
        if column is not None and column > last:
            cells[column], last = value, column
        elif cells:
            cells[last] += _CELL + piece
        else:
            before = piece
    if not cells:
        return None
    if before and grows:
        cells[part.place_of("")] = before
    return cells


def _row(mark: Mark, cells: Mapping[int, str], section: str) -> Row:
    held = tuple(cells.get(column, "") for column in range(max(cells) + 1))
    first = next((cell for cell in held if not is_empty(cell)), "")
    folded = first.casefold().strip(" :.")
    return Row(mark.start, mark.end, mark.label, held, section, folded in _TOTALS)


def _padded(row: Row, width: int) -> Row:
    if len(row.cells) == width:
        return row
    cells = row.cells + ("",) * (width - len(row.cells))
    return Row(row.start, row.end, row.label, cells, row.section, row.is_total)


def _tables_of_records(document: Document) -> Iterator[_Part]:
    """Records in a row with fields of the same names; one table where each has some of the first one's."""
    marks = [mark for mark in document.marks if mark.kind == "record"]
    part: _Part | None = None
    for mark in marks:
        fields, end = _fields(document.text, mark)
        if not fields:
            continue
        if part is not None and not any(name in part.places for name, _ in fields):
            yield part
            part = None
        part = part or _Part([])
        cells: dict[int, str] = {}
        for name, value in fields:
            place = part.place_of(name)
            cells[place] = f"{cells[place]}, {value}" if place in cells else value
        row = _row(mark, cells, "")
        part.rows.append(Row(row.start, end, row.label, row.cells))
    if part is not None and len(part.rows) > 1 and len(part.names) <= _MOST_COLUMNS:
        yield part


def _fields(text: str, mark: Mark) -> tuple[list[tuple[str, str]], int]:
    """The short fields at the beginning of a record, and where they end."""
    fields: list[tuple[str, str]] = []
    end = mark.start
    for line in text[mark.start : min(mark.end, mark.start + _LONGEST_RECORD)].split("\n"):
        name, named, value = line.partition(_NAMED)
        if not named:
            break
        fields.append((name, value))
        end += len(line) + (end > mark.start)
    return fields, end


class _Above:
    """What stands above a place of a document: its title, the sheet, the headings, the last line before a table."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        title = document.metadata.get("title")
        self._title = [title] if isinstance(title, str) else []
        self._marks = [mark for mark in document.marks if mark.kind in ("sheet", "heading", "chapter", "slide")]

    def of(self, start: int) -> list[str]:
        """The titles of what begins there, the outermost first."""
        over = [mark.label for mark in sorted(self._marks) if mark.start <= start < mark.end]
        end = self._text.rfind("\n", 0, max(start - 1, 0))
        line = self._text[:end].rstrip("\n").rpartition("\n")[2] if end >= 0 else ""
        is_title = 0 < len(line) <= _LONGEST_TITLE and _CELL not in line
        return [*self._title, *over, *([line.strip()] if is_title else [])]


def grouped_spans(rows: Sequence[Row]) -> tuple[tuple[int, int], ...]:
    """The characters of rows, which come in their order; rows right behind each other as one span."""
    spans: list[tuple[int, int]] = []
    for row in rows:
        if spans and 0 <= row.start - spans[-1][1] <= 2:
            spans[-1] = (spans[-1][0], row.end)
        else:
            spans.append((row.start, row.end))
    return tuple(spans)
