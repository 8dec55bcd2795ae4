"""Comma, semicolon and tab separated values to reading text: a line and a mark a row, each with the column names."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from statistics import pstdev

from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.decoding import decoded
from corpora.loaders.formats.rows import Row, write_rows
from corpora.text.reading_text import ReadingText

_DELIMITERS = ",;\t|"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_SNIFFED_CHARS, _SNIFFED_ROWS = 64_000, 100


def load(data: bytes, name: str) -> Document:
    """Load a table; rows count from 1, the row of names included, as in spreadsheets.

    Raises ``BinaryText``, ``DamagedFile``.
    """
    text = decoded(data, name)
    reading = ReadingText()
    before = csv.field_size_limit(max(len(text), 1))  # a field may be as long as the file
    try:
        rows = csv.reader(_lines(text), delimiter=_delimiter(text, name))
        write_rows(reading, (Row(number, cells) for number, cells in enumerate(rows, 1)))
    except csv.Error as error:
        raise DamagedFile(
            f"{name} cannot be read as a table ({error})", hint="open it in a spreadsheet, save it anew and add that"
        ) from error
    finally:
        csv.field_size_limit(before)
    return reading.document(name)


def _delimiter(text: str, name: str) -> str:
    """The delimiter that splits the first rows into equal numbers of cells, and into most of them."""
    if name.lower().endswith(".tsv"):
        return "\t"
    head = text[:_SNIFFED_CHARS]
    if len(head) < len(text):
        head = head[: head.rfind("\n") + 1] or head

    def fitness(delimiter: str) -> tuple[float, float]:
        widths = list(_widths(head, delimiter))
        mean = sum(widths) / max(len(widths), 1)
        return (mean > 1) / (1 + pstdev(widths) / mean) if widths else 0.0, mean

    return max(_DELIMITERS, key=fitness)


def _lines(text: str) -> Iterator[str]:
    """One line at a time, its end included: splitting the whole text would take four times its memory."""
    return (match[0] for match in _LINE.finditer(text))


def _widths(head: str, delimiter: str) -> Iterator[int]:
    for number, row in enumerate(csv.reader(_lines(head), delimiter=delimiter)):
        if number == _SNIFFED_ROWS:
            return
        if row:
            yield len(row)
