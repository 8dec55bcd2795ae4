"""A page (HTML, XHTML) to reading text."""

from __future__ import annotations

from corpora.documents import Document
from corpora.loaders.formats.markup.html_tree import parsed
from corpora.loaders.formats.markup.html_writer import title_of, write_page
from corpora.text.reading_text import ReadingText


def load(data: bytes, name: str) -> Document:
    """Load a page. Raises ``BinaryText``."""
    reading = ReadingText()
    page = parsed(data, name, is_xml=name.lower().endswith(".xhtml"), note=reading.note)
    reading.title = title_of(page)
    write_page(page, reading)
    return reading.document(name)
