"""Rows of a sheet, a csv file or a table in a document to reading text: a line a row that can be read alone.

``Name: Ada | Price: 3``. Loaders of documents call ``write_table`` with a grid, which ``spread`` makes of merged cells;
loaders of sheets, which may be long and hold several tables, call ``write_rows``. Knows cells as text only, not the
format that they came from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from corpora.loaders.formats.tables.header_rows import LOOKED_AT, Header, Profile, filled, found_header, names_of
from corpora.loaders.formats.tables.header_rows import Cell as Cell
from corpora.loaders.formats.tables.header_rows import Row as Row
from corpora.loaders.formats.tables.side_by_side import each_alone
from corpora.text.reading_text import PAGE_BREAK, ReadingText, in_one_line

LONGEST_LABEL = 200
_MOST_COLUMNS = 1000


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
    return [text if len(text) <= LONGEST_LABEL else "", *cells[1:]]


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


def write_rows(reading: ReadingText, rows: Iterable[Row]) -> None:
    """Add the rows of a sheet or file, which may be long and hold several tables, titles and remarks.

    Each table is a block, and so is what stands above it; those beside each other follow each other. Rows that name
    columns are found by what they hold.
    """
    for table in each_alone(rows):
        for _, lines in groupby(_Tables(_filled(table)).lines(), key=lambda line: line.block):
            reading.lines("row", ((line.number, line.text) for line in lines))


def table_lines(rows: Iterable[Row], *, header_rows: int | None = None) -> Iterator[tuple[str, str]]:
    """(number, line) of each row of a table that is not empty: ``write_table`` for who needs the lines themselves."""
    if header_rows is None:
        yield from ((line.number, line.text) for line in _Tables(_filled(rows)).lines())
        return
    held = list(rows)
    header, names = held[:header_rows], names_of(held[:header_rows])
    yield from ((str(row.number), _line(row, ())) for row in _filled(header))
    yield from ((str(row.number), _line(row, names)) for row in _filled(held[header_rows:]))


@dataclass(frozen=True, slots=True)
class _Line:
    """A row's line; those of one table, or of what stands above it, have the same ``block``."""

    block: int
    number: str
    text: str


@dataclass(slots=True)
class _Tables:
    """Walks down the rows of a sheet, looking ahead, and names the columns of each table in it."""

    rows: Iterator[Row]
    _ahead: deque[Row] = field(default_factory=deque)
    _block: int = 0
    _names: Sequence[str] = ()
    _profile: Profile = field(default_factory=lambda: Profile(()))

    def lines(self) -> Iterator[_Line]:
        before: Row | None = None
        while self._look(1):
            row = self._ahead[0]
            is_gap = before is None or row.number > before.number + 1
            if before is None or is_gap or self._may_begin(row, before):
                yield from self._begun(is_gap=is_gap)
            if self._ahead:
                before = self._ahead.popleft()
                yield self._line(before)

    def _look(self, count: int) -> bool:
        """Whether there are so many rows ahead."""
        self._ahead.extend(islice(self.rows, max(count - len(self._ahead), 0)))
        return len(self._ahead) >= count

    def _may_begin(self, row: Row, before: Row) -> bool:
        """Whether another table may begin in the middle of this one: at a title, or words where numbers were."""
        if filled(row) < 2:
            return self._look(2) and self._profile.is_broken_by(self._ahead[1])
        return row.is_header or self._profile.is_broken_by(row) or (not self._names and filled(before) < 2)

    def _begun(self, *, is_gap: bool) -> Iterator[_Line]:
        """Find out whose rows come next; the rows above a table's values are taken from those ahead."""
        part = self._part()
        goes_on = is_gap and self._goes_on(part)
        header = None if goes_on and self._names and self._profile.valued else found_header(part)
        if header is None and is_gap and not goes_on and sum(filled(row) > 1 for row in part) == 1:
            header = self._header_above_gap(part)
        if header is not None:
            self._block += 1
            for _ in range(header.first):
                yield self._line(self._ahead.popleft(), ())
            self._block += 1
            rows = [self._ahead.popleft() for _ in range(header.end - header.first)]
            yield from (self._line(row, ()) for row in rows)
            self._look(LOOKED_AT)
            self._names, self._profile = names_of(rows), Profile.of(self._part())
        elif is_gap and not goes_on:
            self._block += 1
            self._names, self._profile = (), Profile.of(part)

    def _part(self) -> list[Row]:
        """The rows ahead up to a blank one, as many as are looked at."""
        self._look(2 * LOOKED_AT)
        part: list[Row] = []
        for row in self._ahead:
            if part and row.number > part[-1].number + 1:
                break
            part.append(row)
        return part

    def _goes_on(self, part: Sequence[Row]) -> bool:
        """Whether rows after a blank one belong to the table above it."""
        several = [row for row in part if filled(row) > 1]
        if not self._block or any(row.is_header for row in part):
            return False
        return self._profile.fits(several[0]) if several else True

    def _header_above_gap(self, part: Sequence[Row]) -> Header | None:
        """The header that a blank row parts from its values."""
        following = [Row(part[-1].number + n, row.cells) for n, row in enumerate(list(self._ahead)[len(part) :], 1)]
        header = found_header([*part, *following])
        return header if header is not None and header.end == len(part) and found_header(following) is None else None

    def _line(self, row: Row, names: Sequence[str] | None = None) -> _Line:
        names = self._names if names is None else names
        kinds = self._profile.kinds
        begun = (c for c, name in enumerate(names) if name or (c < len(kinds) and kinds[c] != "empty"))
        first = next(begun, 0)  # tables may begin in column B
        is_first = any(cell and cell.strip() for cell in row.cells[: first + 1])
        alone = filled(row) == 1 and len(names) > 1 and is_first
        return _Line(self._block, str(row.number), _line(row, () if alone else names))


def _filled(rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in rows if any(cell and cell.strip() for cell in row.cells))


def _line(row: Row, names: Sequence[str]) -> str:
    """The cells with their names; alone where the row says the names once more."""
    texts = [in_one_line(cell or "") for cell in row.cells]
    if all(text == names[column] for column, text in enumerate(texts) if text and column < len(names)):
        names = ()
    parts = []
    for column, text in enumerate(texts):
        if text:
            name = names[column] if column < len(names) else ""
            parts.append(f"{name}: {text}" if name else text)
    return " | ".join(parts)
