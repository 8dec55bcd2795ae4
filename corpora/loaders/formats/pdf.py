"""PDF to reading text by pypdfium2; ``pdf_layout`` makes paragraphs of its lines.

Where a paragraph runs over the end of a page, the new page begins at its first line. Bookmarks become marks of
headings, each where its words are alone on a line of its page; a bookmark without such a line is left out, since a mark
must say what the text says.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.documents import Document, Mark
from corpora.errors import DamagedFile, EmptyFile, EncryptedFile
from corpora.loaders.formats.pdf_layout import Layout, Line, laid_out
from corpora.text.reading_text import as_document, in_one_line

_LINE_ENDS = frozenset((0x0A, 0x0D))
# What pdfium puts in the place of a hyphen at the end of a line and of the line's end.
_BROKEN_AT = frozenset((0x02, 0xFFFE))
_LINE_HYPHENS = re.compile("[\x02\ufffe\N{SOFT HYPHEN}]$")
_NO_CHARACTER = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff]")
_FIXED_NAMES = re.compile(r"mono|courier|consol|menlo|typewriter|cmtt", re.IGNORECASE)
_FIXED_PITCH_FLAG = 1
_MOST_BOOKMARKS = 20_000
_LINE = re.compile(r"[^\n]+")
_NO_WORD = re.compile(r"[\W_]+")
# A line may have a number that its bookmark lacks, such as "Chapter IV. " or "2.1 ", and the other way round.
_NUMBER = re.compile(r"[^\W\d_]{0,9}\d{1,6}|(?:appendix|chapter|part|section)?[ivxlc]{0,7}")
_LONGEST_LABEL = 200


def load(data: bytes, name: str) -> Document:
    """Load a PDF. Raises ``EncryptedFile``, ``DamagedFile``, or ``EmptyFile`` if no page holds text."""
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
    """The bookmarks in order; those that lead to no page of the document are left out."""
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
    """Characters ``start`` to ``end`` as a line; None if they are all white space."""
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
    """Text of code points or of UTF-16 surrogates: pairs are joined, lone ones replaced."""
    joined = "".join(map(chr, codes))
    return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_fixed_pitch(text_page: pdfium.PdfTextPage, index: int) -> bool:
    """Whether this character has a fixed-pitch font. Some fonts say so in their flags, others only by name."""
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(text_page, index, name, len(name), flags)
    return bool(flags.value & _FIXED_PITCH_FLAG) or _FIXED_NAMES.search(name.value.decode("latin-1")) is not None


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A bookmark; ``page`` counts from 0, ``level`` from 0 at the top."""

    title: str
    page: int
    level: int


def headings(bookmarks: Sequence[Bookmark], layout: Layout) -> Iterator[Mark]:
    """A mark from each heading to the next of its level or above."""
    located: list[tuple[int, Bookmark]] = []
    after = 0
    for bookmark in bookmarks:
        if (start := _start(bookmark, layout, after)) is not None:
            located.append((start, bookmark))
            after = start + 1
    open_: list[tuple[int, Bookmark]] = []
    for start, bookmark in located:
        while open_ and open_[-1][1].level >= bookmark.level:
            yield _mark(*open_.pop(), start, layout)
        open_.append((start, bookmark))
    while open_:
        yield _mark(*open_.pop(), len(layout.text), layout)


def _mark(start: int, bookmark: Bookmark, end: int, layout: Layout) -> Mark:
    return Mark(start, start + len(layout.text[start:end].rstrip()), "heading", bookmark.title[:_LONGEST_LABEL])


def _start(bookmark: Bookmark, layout: Layout, after: int) -> int | None:
    """The offset of the line of a bookmark on its page, after the one before it; None if there is no such line."""
    if not 0 <= bookmark.page < len(layout.page_starts):
        return None
    title = _folded(bookmark.title)
    starts = [*layout.page_starts, len(layout.text)]
    begin = max(starts[bookmark.page], after)
    if not title or begin >= starts[bookmark.page + 1]:
        return None
    for line in _LINE.finditer(layout.text, begin, starts[bookmark.page + 1]):
        if line[0].strip() and _same(_folded(line[0]), title):
            return line.start()
    return None


def _same(line: str, title: str) -> bool:
    """Whether both have the same words, except for a number before one of them."""
    longer, shorter = (line, title) if len(line) >= len(title) else (title, line)
    return longer == shorter or (longer.endswith(shorter) and _NUMBER.fullmatch(longer[: -len(shorter)]) is not None)


def _folded(text: str) -> str:
    return _NO_WORD.sub("", text.casefold())
