"""PDF to reading text by pypdfium2; ``pdf_layout`` makes paragraphs of its lines.

Where a paragraph runs over the end of a page, the new page begins at its first line. Bookmarks become marks of
headings, each where its words are alone on a line of its page; a bookmark without such a line is left out, since a mark
must say what the text says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.documents import Document, Mark
from corpora.errors import DamagedFile, EmptyFile, EncryptedFile
from corpora.loaders.formats.pdf.pdf_fields import form_of, is_filled_in, with_values, written_into
from corpora.loaders.formats.pdf.pdf_layout import Layout, Line, laid_out
from corpora.loaders.formats.pdf.pdf_margins import without_line_numbers, without_running_titles
from corpora.loaders.formats.pdf.pdf_order import reading_order
from corpora.loaders.formats.pdf.pdf_rules import Rules, page_rules
from corpora.loaders.formats.pdf.pdf_struck import without_struck
from corpora.loaders.formats.pdf.pdf_tables import Table
from corpora.loaders.formats.pdf.pdf_ticks import overlap, ticks
from corpora.loaders.formats.pdf.pdf_unread import Page, shows_pictures, unread
from corpora.loaders.formats.pdf.pdf_watermarks import without_watermarks
from corpora.loaders.formats.pdf.pdf_words import page_words
from corpora.text.reading_text import as_document, in_one_line

_MOST_BOOKMARKS = 20_000
_LINE = re.compile(r"[^\n]+")
_NO_WORD = re.compile(r"[\W_]+")
# A line may have a number that its bookmark lacks, such as "Chapter IV. " or "2.1 ", and the other way round.
_NUMBER = re.compile(r"[^\W\d_]{0,9}\d{1,6}|(?:appendix|chapter|part|section)?[ivxlc]{0,7}")
_LONGEST_LABEL = 200
_XFA = (pdfium_c.FORMTYPE_XFA_FULL, pdfium_c.FORMTYPE_XFA_FOREGROUND)
# What the only page of a dynamic form says where its program is not there; a page of text says more.
_PLACEHOLDER = re.compile(
    r"please wait\b|bitte warten|veuillez patienter|espere\b.{0,30}\.\.\.|aguarde|attendere|even geduld|vänta"
    r"|(?:viewer|reader|betrachter|lecteur|visor|visualizz)\b.{0,80}(?:not be able|cannot|unable|nicht|pas|no puede)",
    re.IGNORECASE,
)
_LONGEST_PLACEHOLDER = 1500
# A page that says no more may be a picture with a number stamped on it.
_FEW_WORDS = 6


def load(data: bytes, name: str) -> Document:
    """Load a PDF; what of it was not read is in the document's notes.

    Raises ``EncryptedFile``, ``DamagedFile``, or ``EmptyFile`` if no page holds text, or only that a form cannot be
    shown.
    """
    try:
        with pdfium.PdfDocument(data) as pdf:
            kind, attached = pdf.get_formtype(), pdfium_c.FPDFDoc_GetAttachmentCount(pdf.raw)
            with form_of(pdf) as form:
                pages = [_read(page, form) for page in pdf]
            title = in_one_line(pdf.get_metadata_value("Title"))
            bookmarks = list(islice(_bookmarks(pdf), _MOST_BOOKMARKS))
    except pdfium.PdfiumError as error:  # a file may open and yet have a page that does not
        raise _unreadable(name, error) from error
    cleared, watermarks = without_watermarks([page.words for page in pages])
    pages = [replace(page, words=words) for page, words in zip(pages, cleared, strict=True)]
    layout = laid_out(_in_order(pages))
    if not layout.text:
        raise _empty(name, len(pages))
    if kind in _XFA and len(layout.text) < _LONGEST_PLACEHOLDER and _PLACEHOLDER.search(layout.text):
        raise EmptyFile(
            f"{name} is a dynamic form (XFA): its only page says that it cannot be shown",
            hint="open it in Adobe Acrobat Reader, print it to PDF and add that",
        )
    return as_document(
        name,
        layout.text,
        title=title,
        marks=[*_pages(layout), *headings(bookmarks, layout), *layout.rows],
        notes=[*unread(pages, attached), *(f'the watermark "{text[:80]}" was left out' for text in watermarks)],
    )


def _empty(name: str, pages: int) -> EmptyFile:
    where = "the page" if pages == 1 else f"none of the {pages} pages"
    what = "holds no text; it may be a picture of text" if pages == 1 else "holds text; they may be pictures of text"
    return EmptyFile(f"{where} of {name} {what}", hint="run text recognition (OCR) over it and add the result")


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


def _read(page: pdfium.PdfPage, form: object) -> Page:
    text_page = page.get_textpage()
    try:
        words = page_words(text_page)
    finally:
        text_page.close()
    written = written_into(page, form)
    turns = words.direction
    rules = {way: page_rules(page, way) for way in words.pieces}
    pieces = {way: without_struck(some, rules[way].level) for way, some in words.pieces.items()}
    is_struck = pieces != words.pieces
    words = replace(words, pieces=pieces)
    drawn = ticks(page, rules.get(turns, Rules()), pieces.get(turns, []), turns)
    written.values.extend(tick for tick in drawn if not any(overlap(tick.box, value.box) for value in written.values))
    if written.values or written.notes:
        body = words.pieces.get(turns, [])
        filled = with_values(body, written.values, turns)
        inline = [*written.values, *(note for note in written.notes if is_filled_in(note, filled, turns))]
        words = replace(words, pieces={**words.pieces, turns: with_values(body, inline, turns)})
        written = replace(written, notes=[note for note in written.notes if note not in inline])
    return Page(
        words,
        {way: rules.get(way, Rules()) for way in words.pieces},
        written,
        is_struck=is_struck,
        is_picture=words.count < _FEW_WORDS and shows_pictures(page, is_blank=not words.count),
    )


def _in_order(pages: Sequence[Page]) -> list[list[Line | Table]]:
    """The lines and tables of pages in the order of reading.

    What runs another way than most text of a page comes last, then notes that were set on it.
    """
    bodies = [page.words.pieces.get(page.words.direction, []) for page in pages]
    bodies = without_running_titles([without_line_numbers(pieces) for pieces in bodies])
    found = []
    for page, body in zip(pages, bodies, strict=True):
        items = reading_order(body, page.rules.get(page.words.direction, Rules()))
        for turns, pieces in sorted(page.words.pieces.items()):
            if turns != page.words.direction:
                items += reading_order(pieces, page.rules[turns])
        items += [Line.of(piece) for piece in page.words.askew]
        for note in page.written.notes:
            items += [Line.of(piece) for piece in with_values([], [note], 0)]
        found.append(items)
    return found


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
