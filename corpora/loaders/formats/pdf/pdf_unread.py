"""What of a PDF is not in its text, in words: pages of pictures, unknown letters, comments, files that are attached."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.loaders.formats.pdf.pdf_fields import Annotations
from corpora.loaders.formats.pdf.pdf_rules import Rules
from corpora.loaders.formats.pdf.pdf_words import PageWords

_MOST_OBJECTS = 2_000
# A picture that covers this share of a page is what the page shows; so are so many drawn shapes on a page without text.
_COVERS, _MANY_SHAPES = 0.4, 30
# Letters that a font does not name: if they are this share of a page, it cannot be read.
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_UNKNOWN_SHARE = 0.3
_MOST_RANGES = 5


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says, its rules by the direction of the text they belong to, and what was written into it."""

    words: PageWords
    rules: Mapping[int, Rules]
    written: Annotations
    is_picture: bool
    is_struck: bool = False
    """Whether struck words of it were left out."""


def shows_pictures(page: pdfium.PdfPage, *, is_blank: bool) -> bool:
    """Whether a page without text, or with few words, shows pictures or drawings that may hold some."""
    area = page.get_width() * page.get_height()
    covered, shapes = 0.0, 0
    for index in range(min(pdfium_c.FPDFPage_CountObjects(page.raw), _MOST_OBJECTS)):
        drawn = pdfium_c.FPDFPage_GetObject(page.raw, index)
        kind = pdfium_c.FPDFPageObj_GetType(drawn)
        if kind in (pdfium_c.FPDF_PAGEOBJ_IMAGE, pdfium_c.FPDF_PAGEOBJ_FORM):
            left, bottom, right, top = (ctypes.c_float() for _ in range(4))
            pdfium_c.FPDFPageObj_GetBounds(drawn, left, bottom, right, top)
            covered = max(covered, (right.value - left.value) * (top.value - bottom.value))
        shapes += kind == pdfium_c.FPDF_PAGEOBJ_PATH
    return covered >= _COVERS * area or (is_blank and (covered > 0.0 or shapes >= _MANY_SHAPES))


def unread(pages: Sequence[Page], attached: int) -> Iterator[str]:
    """What was not read; ``attached`` files belong to no page."""
    counts: Counter[str] = Counter({"attached file": attached})
    for page in pages:
        counts.update(page.written.unread)
    for thing, count in counts.items():
        if count:
            yield f"{count} {thing}{'' if count == 1 else 's'} {'was' if count == 1 else 'were'} not read"
    if any(page.is_struck for page in pages):
        yield "struck-out text was left out"
    if pictures := [number for number, page in enumerate(pages, 1) if page.is_picture]:
        where, is_one = _where(pictures), len(pictures) == 1
        yield f"{where} {'holds' if is_one else 'hold'} no text: {'it' if is_one else 'they'} may be pictures"
    if unknown := [number for number, page in enumerate(pages, 1) if _is_unknown(page.words)]:
        yield f"letters of {_where(unknown)} were not read: the fonts do not say which they are"


def _is_unknown(words: PageWords) -> bool:
    text = "".join([word.text for pieces in words.pieces.values() for piece in pieces for word in piece.words])
    return not text.isascii() and len(_UNKNOWN.findall(text)) > _UNKNOWN_SHARE * len(text)


def _where(numbers: Sequence[int]) -> str:
    """``page 3``, ``pages 3-5 and 9``, or how many if they are too scattered to be named."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    if len(ranges) > _MOST_RANGES:
        return f"{len(numbers)} pages, from page {numbers[0]} on,"
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
    listed = shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
    return f"page{'' if len(numbers) == 1 else 's'} {listed}"
