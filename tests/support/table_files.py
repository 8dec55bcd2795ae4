"""Tables as files in every format that has them, and the documents that the real loaders make of these."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Callable, Sequence
from typing import Final

import docx
import openpyxl

from corpora.documents import Document
from corpora.loaders.registry import import_loader, loader_name

Rows = Sequence[Sequence[str]]


def table_document(suffix: str, rows: Rows, *, title: str = "Orders", stem: str = "orders") -> Document:
    """A table, its first row the names of the columns, as the loader of a suffix reads it from a file."""
    name = f"{stem}.{suffix}"
    return import_loader(loader_name(name))(_WRITERS[suffix](rows, title), name)


def _separated(delimiter: str) -> Callable[[Rows, str], bytes]:
    def write(rows: Rows, title: str) -> bytes:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=delimiter, lineterminator="\n").writerows(rows)
        return buffer.getvalue().encode()

    return write


def _sheet(rows: Rows, title: str) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    book.save(buffer)
    return buffer.getvalue()


def _markdown(rows: Rows, title: str) -> bytes:
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join([f"# {title}", "", "All of them are below.", "", *lines, ""]).encode()


def _page(rows: Rows, title: str) -> bytes:
    head, *body = [
        "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        for tag, row in zip(["th"] + ["td"] * len(rows), rows, strict=False)
    ]
    lines = "".join(f"<tr>{row}</tr>" for row in body)
    return f"<h1>{title}</h1><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>".encode()


def _word(rows: Rows, title: str) -> bytes:
    document, buffer = docx.Document(), io.BytesIO()
    document.add_heading(title, 1)
    table = document.add_table(rows=len(rows), cols=len(rows[0]))
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.save(buffer)
    return buffer.getvalue()


def _records(rows: Rows, title: str) -> bytes:
    names, *values = rows
    return "\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in values).encode()


_WRITERS: Final[dict[str, Callable[[Rows, str], bytes]]] = {
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "xlsx": _sheet,
    "md": _markdown,
    "html": _page,
    "docx": _word,
    "jsonl": _records,
}

TABLE_SUFFIXES: Final = tuple(_WRITERS)
