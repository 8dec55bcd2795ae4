"""Spreadsheets (xlsx) to reading text: values, not formulas; a mark a sheet and a row, columns named in each line."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from defusedxml.common import DefusedXmlException
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from corpora.documents import Document
from corpora.errors import DamagedFile, EmptyFile
from corpora.loaders.formats.opc_package import OpcPackage
from corpora.loaders.formats.rows import Row, write_rows
from corpora.text.reading_text import ReadingText

# SyntaxError is what both of Python's XML parsers derive theirs from.
_RAISED = (
    SyntaxError, DefusedXmlException, InvalidFileException, zipfile.BadZipFile,
    KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError,
)  # fmt: skip
_MIDNIGHT = time()
_DIGITS = 12


def load(data: bytes, name: str) -> Document:
    """Load a workbook, hidden sheets, too.

    Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``, ``EmptyFile``.
    """
    package = OpcPackage.opened(data, name)
    reading = ReadingText(title=package.title())
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            reading.section("sheet", sheet.title)
            if len(book.worksheets) > 1:
                reading.paragraph(sheet.title)  # Often only the sheet's name says what its rows are about.
            sheet.reset_dimensions()  # The size that a sheet declares may be wrong.
            write_rows(reading, _rows(sheet.iter_rows(values_only=True)))
    except _RAISED as error:
        raise DamagedFile(
            f"{name} cannot be read as a spreadsheet ({type(error).__name__})",
            hint="open it in its program, save it anew and add that",
        ) from error
    if not any(mark.kind == "row" for mark in reading.marks):
        raise EmptyFile(
            f"the sheets of {name} hold no values",
            hint="if there are formulas in it, open it in a spreadsheet program and save it, so that it holds results",
        )
    return reading.document(name)


def _rows(rows: Iterator[tuple[object, ...]]) -> Iterator[Row]:
    for number, values in enumerate(rows, 1):
        yield Row(number, [_shown(value) for value in values])


def _shown(value: object) -> str:
    """A value as people write it, rounded to hide binary fractions."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{_DIGITS if abs(value) < 10**_DIGITS else 15}g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == _MIDNIGHT else value.isoformat(" ", "minutes")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
