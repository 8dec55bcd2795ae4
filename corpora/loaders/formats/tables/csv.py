"""Comma, semicolon and tab separated values to reading text: a line and a mark a row, each with the column names.

Fields are split here, not by Python's ``csv``, which lets a quotation mark at the front of a field (``"A" board``,
``"B side``) swallow the rows behind it: a mark quotes only what another one ends before a delimiter or a line's end.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from corpora.documents import Document
from corpora.loaders.formats.decoding import decoded
from corpora.loaders.formats.tables.rows import Row, write_rows
from corpora.text.reading_text import ReadingText

_DELIMITERS = ",;\t|"
_SNIFFED_CHARS, _SNIFFED_ROWS = 64_000, 100
_SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?\n", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def load(data: bytes, name: str) -> Document:
    """Load a table; rows count from 1, the row of names included, as in spreadsheets. Raises ``BinaryText``."""
    reading = ReadingText()
    text = decoded(data, name, note=reading.note)
    if said := _SEPARATOR_LINE.match(text):
        text, delimiter = text[said.end() :], said[1]
    else:
        delimiter = _delimiter(text, name)
    write_rows(reading, _rows(text, delimiter))
    return reading.document(name)


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """The rows; a line above the table that is set off by ``#``, or that is prose with a delimiter, is one remark."""
    width = _usual_width(text, delimiter)
    is_top = True
    for number, (cells, source) in enumerate(_records(text, delimiter, width), 1):
        is_top = is_top and (len(cells) != width or cells[0].startswith("#"))
        is_remark = is_top and len(cells) != width and (source.startswith("#") or _is_prose(source, delimiter))
        yield Row(number, [source] if is_remark else cells)


def _is_prose(line: str, delimiter: str) -> bool:
    """Whether each delimiter is followed by a space, as in ``Printed by: Ida; page 1``."""
    return delimiter in line and '"' not in line and all(part[:1] == " " for part in line.split(delimiter)[1:])


def _delimiter(text: str, name: str) -> str:
    """The delimiter that splits most of the first rows into the same number of cells, and into most of them."""
    if name.lower().endswith(".tsv"):
        return "\t"
    head = text[:_SNIFFED_CHARS]
    if len(head) < len(text):
        head = head[: head.rfind("\n") + 1] or head

    def fitness(delimiter: str) -> tuple[float, float]:
        rows = [cells for cells, _ in islice(_records(head, delimiter, None), _SNIFFED_ROWS) if cells]
        widths = Counter(map(len, rows))
        several = {width: count for width, count in widths.items() if width > 1}
        if not several:
            return 0.0, 0.0
        usual = max(several, key=lambda width: (several[width], width))
        decimals = sum(bool(_DECIMAL_COMMA.fullmatch(cell)) for cells in rows for cell in cells)
        return several[usual] / len(rows) + (0.1 if decimals * 4 >= sum(map(len, rows)) else 0), usual

    return max(_DELIMITERS, key=fitness)


def _usual_width(text: str, delimiter: str) -> int | None:
    """How many cells most lines without quotation marks have."""
    lines = (
        line
        for line in islice(_lines(text), _SNIFFED_ROWS)
        if '"' not in line and delimiter in line and line.strip(f"{delimiter} ")
    )
    widths = Counter(line.count(delimiter) + 1 for line in lines)
    return widths.most_common(1)[0][0] if widths else None


def _lines(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = _end_of_line(text, start)
        yield text[start:end]
        start = end + 1


def _records(text: str, delimiter: str, width: int | None) -> Iterator[tuple[list[str], str]]:
    """The cells of each record, none for an empty line, and its first line as it stands."""
    start = 0
    while start < len(text):
        end = _end_of_line(text, start)
        line = text[start:end]
        if '"' in line:
            cells, end = _quoted_record(text, start, delimiter, width)
        else:
            cells = line.split(delimiter) if line else []
        yield cells, line
        start = end + 1


def _quoted_record(text: str, start: int, delimiter: str, width: int | None) -> tuple[list[str], int]:
    """The cells of a record with quotation marks, and where it ends. What swallows whole rows is no quotation."""
    line_end = _end_of_line(text, start)
    cells, end = _split(text, start, delimiter, may_span=True)
    is_odd = width is not None and (len(cells) != width or delimiter == "\t")
    if end > line_end and is_odd and _are_rows(text[start:end], delimiter, width):
        return _split(text, start, delimiter, may_span=False)
    return cells, end


def _are_rows(text: str, delimiter: str, width: int | None) -> bool:
    """Whether each of the lines that a record of several lines takes is a row of the table by itself."""
    lines = text.split("\n")
    return all(line.count(delimiter) + 1 == width and line.strip(f'"{delimiter} ') for line in lines)


def _split(text: str, start: int, delimiter: str, *, may_span: bool) -> tuple[list[str], int]:
    cells: list[str] = []
    end = _end_of_line(text, start)
    while True:
        quoted = _quotation(text, start, delimiter)
        if quoted is not None and (may_span or quoted[1] <= end):
            cell, at = quoted
            end = _end_of_line(text, at) if at > end else end
        else:
            at = text.find(delimiter, start, end)
            at = end if at < 0 else at
            cell = text[start:at]
        cells.append(cell)
        if at >= end:
            return cells, end
        start = at + 1


def _quotation(text: str, start: int, delimiter: str) -> tuple[str, int] | None:
    """A quoted field and where it ends; None if the field is not quoted, or the quotation mark is a part of it."""
    while text.startswith(" ", start):
        start += 1
    if not text.startswith('"', start):
        return None
    at = start + 1
    while (quote := text.find('"', at)) >= 0:
        if text.startswith('"', quote + 1):
            is_escaped = text[quote - 1] == "\\" and text[quote + 2 : quote + 3] in (delimiter, "\n", "")
            at = quote + 1 + (not is_escaped)
            continue
        end = quote + 1
        while text.startswith(" ", end):
            end += 1
        if end == len(text) or text[end] in (delimiter, "\n"):
            return text[start + 1 : quote].replace('""', '"').replace('\\"', '"'), end
        if text[quote - 1] != "\\":
            return None
        at = quote + 1
    return None


def _end_of_line(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
