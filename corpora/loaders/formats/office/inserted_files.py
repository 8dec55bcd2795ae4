"""Files inside a document that it shows as its own text (``altChunk``): pages, mails of pages, texts, Word documents.

Each is read by the loader of its kind, which the caller hands in, and its blocks are added with their marks.
"""

from __future__ import annotations

import email
from collections.abc import Mapping
from pathlib import PurePosixPath

from corpora.documents import Document
from corpora.errors import LoaderError
from corpora.interfaces import Loader
from corpora.text.reading_text import ReadingText

_MAIL_SUFFIXES = (".mht", ".mhtml", ".eml")
_PAGES = ("text/html", "application/xhtml+xml")
_BOM = b"\xef\xbb\xbf"


def insert_file(reading: ReadingText, data: bytes, part: str, loaders: Mapping[str, Loader]) -> bool:
    """Add the text of a file, read by the loader of its suffix; False if there is none or the file cannot be read."""
    suffix = PurePosixPath(part).suffix.lower()
    if suffix in _MAIL_SUFFIXES or data.lstrip()[:13].lower() == b"mime-version:":
        data, suffix = _page_of_mail(data), ".html"
    loader = loaders.get(suffix)
    if loader is None:
        return False
    try:
        insert_document(reading, loader(data, PurePosixPath(part).name))
    except LoaderError:
        return False
    return True


def insert_document(reading: ReadingText, document: Document) -> None:
    """Add the blocks of a document: its headings and rows keep their marks, what was not read of it is noted."""
    headings = {mark.start for mark in document.marks if mark.kind == "heading"}
    depths = _depths(document)
    rows = {mark.start: mark.label for mark in document.marks if mark.kind in ("row", "record")}
    start = 0
    for block in document.text.split("\n\n"):
        lines = block.split("\n")
        starts = [start]
        for line in lines[:-1]:
            starts.append(starts[-1] + len(line) + 1)
        if start in headings:
            reading.heading(" ".join(lines), level=depths[start])
        elif start in rows:
            reading.lines("row", ((rows.get(at, ""), line) for at, line in zip(starts, lines, strict=True)))
        else:
            reading.items(lines)
        start += len(block) + 2
    if document.notes:
        reading.note(document.notes)


def _depths(document: Document) -> dict[int, int]:
    """How many headings each heading lies below, itself included: its level."""
    depths: dict[int, int] = {}
    open_ends: list[int] = []
    for mark in sorted((m for m in document.marks if m.kind == "heading"), key=lambda m: (m.start, -m.end)):
        while open_ends and open_ends[-1] <= mark.start:
            open_ends.pop()
        open_ends.append(mark.end)
        depths[mark.start] = len(open_ends)
    return depths


def _page_of_mail(data: bytes) -> bytes:
    """The first page in a mail, as UTF-8; empty if there is none."""
    for part in email.message_from_bytes(data).walk():
        payload = part.get_payload(decode=True)
        if part.get_content_type() in _PAGES and isinstance(payload, bytes):
            try:
                return _BOM + payload.decode(part.get_content_charset("utf-8"), "replace").encode()
            except LookupError:
                return payload
    return b""
