"""Plain text to reading text: hard-wrapped lines are joined, intended line breaks stay.

A form feed ends a page, as in the output of ``pdftotext``.
"""

from __future__ import annotations

from corpora.documents import Document
from corpora.loaders.formats.decoding import decoded
from corpora.text.reading_text import PAGE_BREAK, ReadingText
from corpora.text.reflow import reflow


def load(data: bytes, name: str) -> Document:
    """Load a text; its title is the first line if that is a short block of its own. Raises ``BinaryText``."""
    notes: list[str] = []
    text = decoded(data, name, note=notes.append)
    reading = ReadingText(paged=PAGE_BREAK in text.strip())
    for note in notes:
        reading.note(note)
    reflow(text, reading)
    first = reading.text.split("\n\n", 1)[0]
    is_title = "\n" not in first and len(first) <= 100 and not first.endswith((".", ":", ",", ";"))
    reading.title = first if is_title else None
    return reading.document(name)
