"""PDF to reading text by pypdfium2; the layout of its lines is made sense of in ``pdf_layout``.

A paragraph that runs over the end of a page has its border where the first line of the next page begins.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from itertools import islice, pairwise

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.documents import Document, Mark
from corpora.errors import DamagedFile, EmptyFile, EncryptedFile
from corpora.loaders.formats.pdf_layout import Layout, laid_out
from corpora.loaders.formats.pdf_lines import Line
from corpora.loaders.formats.pdf_outline import Bookmark, headings
from corpora.text.reading_text import as_document, in_one_line

_LINE_ENDS = frozenset((0x0A, 0x0D))
# pdfium's own signs for a hyphen at the end of a line, which it leaves out together with the line's end.
_BROKEN_AT = frozenset((0x02, 0xFFFE))
_LINE_HYPHENS = re.compile("[\x02\ufffe\N{SOFT HYPHEN}]$")
_NO_CHARACTER = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff]")
_FIXED_NAMES = re.compile(r"mono|courier|consol|menlo|typewriter|cmtt", re.IGNORECASE)
_FIXED_PITCH_FLAG = 1
_MOST_BOOKMARKS = 20_000


def load(data: bytes, name: str) -> Document:
    """Raises ``EncryptedFile``, ``DamagedFile``, or ``EmptyFile`` if no page holds text."""
    try:
        with pdfium.PdfDocument(data) as pdf:
            pages = [list(_lines(page)) for page in pdf]
            title = in_one_line(pdf.get_metadata_value("Title"))
            bookmarks = list(islice(_bookmarks(pdf), _MOST_BOOKMARKS))
    except pdfium.PdfiumError as error:  # a file may open and yet have a page that does not
        raise _unreadable(name, error) from error
    layout = laid_out(pages)
    if not layout.text:
        raise EmptyFile(
            f"none of the {len(pages)} pages of {name} holds text; they may be pictures of text",
            hint="run text recognition (OCR) over it and add the result",
        )
    return as_document(name, layout.text, title=title, marks=[*_pages(layout), *headings(bookmarks, layout)])


def _pages(layout: Layout) -> Iterator[Mark]:
    """A mark a page that has text of its own; white space between two pages lies on neither."""
    for number, (start, end) in enumerate(pairwise([*layout.page_starts, len(layout.text)]), 1):
        if words := layout.text[start:end].rstrip():
            yield Mark(start, start + len(words), "page", str(number))


def _bookmarks(pdf: pdfium.PdfDocument) -> Iterator[Bookmark]:
    """The outline of the document in order; entries that lead to no page of it are left out."""
    for entry in pdf.get_toc():
        target = entry.get_dest()
        page = None if target is None else target.get_index()
        if page is not None:
            yield Bookmark(in_one_line(entry.get_title()), page, entry.level)


def _unreadable(name: str, error: pdfium.PdfiumError) -> EncryptedFile | DamagedFile:
    if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
        return EncryptedFile(
            f"{name} is encrypted and wants a password", hint="save it without the password and add that"
        )
    return DamagedFile(f"{name} is not a readable PDF", hint="open it in a viewer, print it to PDF and add that")


def _lines(page: pdfium.PdfPage) -> Iterator[Line]:
    """The lines of a page in the order of reading, each with the box of its font."""
    text_page = page.get_textpage()
    start, codes = 0, [pdfium_c.FPDFText_GetUnicode(text_page, i) for i in range(text_page.count_chars())]
    for i in range(len(codes) + 1):
        if i == len(codes) or codes[i] in _LINE_ENDS or codes[i] in _BROKEN_AT:
            if line := _line(text_page, codes, start, min(i + 1, len(codes))):
                yield line
            start = i + 1
    text_page.close()


def _line(text_page: pdfium.PdfTextPage, codes: list[int], start: int, end: int) -> Line | None:
    """Characters ``start`` to ``end`` as a line; none if they are all white space."""
    while start < end and chr(codes[start]).isspace():
        start += 1
    while start < end and chr(codes[end - 1]).isspace():
        end -= 1
    text = _LINE_HYPHENS.sub("-", _decoded(codes[start:end]))
    text = in_one_line(_NO_CHARACTER.sub("", text))
    if not text:
        return None
    left, bottom, first_right, top = text_page.get_charbox(start, loose=True)
    _, last_bottom, right, last_top = text_page.get_charbox(end - 1, loose=True)
    return Line(
        text=text,
        left=left,
        right=max(right, first_right),
        bottom=min(bottom, last_bottom),
        top=max(top, last_top),
        is_fixed_pitch=_is_fixed_pitch(text_page, start) and _is_fixed_pitch(text_page, end - 1),
    )


def _decoded(codes: list[int]) -> str:
    """Pages may come as UTF-16 halves or whole code points; halves are put together, lone ones replaced."""
    joined = "".join(map(chr, codes))
    return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_fixed_pitch(text_page: pdfium.PdfTextPage, index: int) -> bool:
    """Is this character set in a typewriter font? Some fonts say so in their flags, others only by name."""
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(text_page, index, name, len(name), flags)
    return bool(flags.value & _FIXED_PITCH_FLAG) or _FIXED_NAMES.search(name.value.decode("latin-1")) is not None
