"""Plain text to reading text: hard-wrapped lines are joined, intended line breaks stay.

A form feed ends a page, as in the output of ``pdftotext``. Lines of JSON, as logs have them, are read as records.
No margin broke the lines of other logs.
"""

from __future__ import annotations

import re

from corpora.documents import Document
from corpora.loaders.formats.decoding import decoded
from corpora.loaders.formats.tables import jsonl
from corpora.loaders.formats.tables.jsonl import is_json_lines
from corpora.text.line_breaks import LINE_END
from corpora.text.reading_text import PAGE_BREAK, ReadingText
from corpora.text.reflow import reflow


def load(data: bytes, name: str) -> Document:
    """Load a text; its title is the first line if that is a short block of its own, or stands above a sentence.

    Raises ``BinaryText``, and ``DamagedFile`` for records that are nested too deeply.
    """
    notes: list[str] = []
    text = decoded(data, name, note=notes.append)
    if is_json_lines(text):
        return jsonl.load(data, name)
    reading = ReadingText(paged=PAGE_BREAK in text.strip())
    for note in notes:
        reading.note(note)
    if name.lower().endswith(".log"):
        _line_by_line(text, reading)
    else:
        reflow(text, reading)
    first, *below = reading.text.split("\n\n", 1)[0].split("\n")
    is_above = below and len(first) < len(below[0]) and LINE_END.search(below[0]) and not LINE_END.search(first)
    is_title = (is_above or not below) and len(first) <= 100 and not first.endswith((".", ":", ",", ";"))
    reading.title = first if is_title else None
    return reading.document(name)


def _line_by_line(text: str, reading: ReadingText) -> None:
    """Blocks between blank lines, no two of their lines joined."""
    for number, page in enumerate(text.split(PAGE_BREAK) if reading.paged else [text]):
        if number:
            reading.page_break()
        for block in re.split(r"\n\s*\n", page):
            reading.paragraph(block)
