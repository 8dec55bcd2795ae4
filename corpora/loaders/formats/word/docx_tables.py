"""The tables of a Word document as grids: merged cells in each row that they cover, header rows that repeat.

Knows no text: whoever walks the document says what a cell holds, and is asked in the order of the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import child, chosen_alternative, local, whole_number
from corpora.loaders.formats.tables.rows import LONGEST_LABEL, Cell
from corpora.loaders.formats.word.docx_runs import UNREAD
from corpora.loaders.formats.word.docx_styles import switch, value
from corpora.text.reading_text import PAGE_BREAK

_MOST_COLUMNS = 1_000
_WRAPPERS = ("sdt", "sdtContent", "ins", "customXml", "moveTo", "smartTag")


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a table; ``header_rows`` are those that are repeated on each page, None if none is said to be."""

    rows: list[list[Cell]]
    header_rows: int | None


def rows_of(table: Element) -> Iterator[Element]:
    """The rows that are shown, those in content controls and tracked insertions included."""
    return (row for row in _inside(table, "tr") if not _is_on(row, "del") and not _is_on(row, "hidden"))


def has_deleted(table: Element) -> bool:
    """Whether tracked changes have deleted rows or cells of it."""
    return any(
        _is_on(row, "del") or any(child(cell, "tcPr", "cellDel") is not None for cell in _inside(row, "tc"))
        for row in _inside(table, "tr")
    )


def cells_of(row: Element) -> Iterator[Element]:
    """The cells that are shown."""
    return (cell for cell in _inside(row, "tc") if child(cell, "tcPr", "cellDel") is None)


def is_layout(table: Element) -> bool:
    """Whether a table only places its text: it has one column of long cells, or tables in its cells."""
    rows = [list(cells_of(row)) for row in rows_of(table)]
    if any(local(inner.tag) == "tbl" for row in rows for cell in row for inner in blocks_of(cell)):
        return True
    long = any(len(list(blocks_of(cell))) > 1 for row in rows for cell in row)
    return long and all(len(row) < 2 for row in rows)


def blocks_of(cell: Element) -> Iterator[Element]:
    """The paragraphs and tables of a cell, those in content controls included."""
    for inner in cell:
        tag = local(inner.tag)
        if tag in ("p", "tbl"):
            yield inner
        elif tag == "AlternateContent":
            yield from blocks_of(found) if (found := chosen_alternative(inner)) is not None else ()
        elif tag not in UNREAD:
            yield from blocks_of(inner)


def grid(table: Element, text_of: Callable[[Element], str]) -> Grid:
    """The grid of a table; ``text_of`` gives the text of a cell."""
    lines: list[list[Cell]] = []
    header_rows, in_header = 0, True
    labels: dict[int, str] = {}  # of cells that go on downwards, by their first column
    for row in rows_of(table):
        in_header = in_header and _is_on(row, "tblHeader")
        header_rows += in_header
        line: list[Cell] = [""] * _count(child(row, "trPr", "gridBefore"), 0)
        below: dict[int, str] = {}
        for cell in cells_of(row):
            properties = child(cell, "tcPr")
            column, width = len(line), _count(child(properties, "gridSpan"), 1)
            if column >= _MOST_COLUMNS:
                break
            text = text_of(cell)
            if _goes_on(properties, "hMerge"):
                line += [None] * width
                continue
            if _goes_on(properties, "vMerge") and column in labels:
                text = PAGE_BREAK * text.count(PAGE_BREAK) + labels[column]
            if child(properties, "vMerge") is not None:
                label = text.replace(PAGE_BREAK, " ").strip()
                below[column] = label if len(label) <= LONGEST_LABEL else ""
            line += [text, *[None] * (width - 1)]
        labels = below
        lines.append(line)
    return Grid(lines, header_rows or None)


def _goes_on(properties: Element | None, name: str) -> bool:
    """Whether a cell only continues the one above it or to its left."""
    merged = child(properties, name)
    return merged is not None and value(merged) in (None, "continue", "cont")


def _count(element: Element | None, default: int) -> int:
    return min(max(whole_number(value(element), default), default), _MOST_COLUMNS)


def _is_on(row: Element, name: str) -> bool:
    found = child(row, "trPr", name)
    return found is not None and (name == "del" or bool(switch(found)))


def _inside(element: Element, name: str) -> Iterator[Element]:
    """Children of that name, wrapped ones, too."""
    for inner in element:
        tag = local(inner.tag)
        if tag == name:
            yield inner
        elif tag in _WRAPPERS:
            yield from _inside(inner, name)
        elif tag == "AlternateContent" and (chosen := chosen_alternative(inner)) is not None:
            yield from _inside(chosen, name)
