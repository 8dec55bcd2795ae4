"""The words of a PDF's page, each with its place: pdfium's characters as pieces of lines, by the way that they run.

A piece is what stands on one baseline without a wide gap. Its place is given in the frame of its direction, in which
text runs to the right and lines follow downwards, whatever the page shows: ``turned`` brings other boxes there. What
runs askew belongs to no frame. Knows nothing of lines and columns.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.text.reading_text import in_one_line

# What pdfium puts in the place of a hyphen at the end of a line and of the line's end.
_LINE = re.compile("[^\r\n\x02\ufffe]+[\x02\ufffe]?")
_LINE_HYPHENS = re.compile("[\x02\ufffe\N{SOFT HYPHEN}]$")
_WORD = re.compile(r"\S+")
_NO_CHARACTER = re.compile("[\x00-\x08\x0e-\x1f\ufffe\uffff]")
_FIXED_NAMES = re.compile(
    r"mono|courier|consol|menlo|monaco|typewriter|nimbusmon|cmtt|sftt|ectt|lettergothic|sourcecode|firacode",
    re.IGNORECASE,
)
_FIXED_PITCH_FLAG = 1
_BOLD_NAMES = re.compile(r"bold|black|heavy|demi|cmbx", re.IGNORECASE)
_BOLD_FLAG = 1 << 18
_LIST_MARK = re.compile(
    r"[\u2022\u25cf\u25cb\u25e6\u25aa\u25a0\u2023\uf0b7*\u2013-]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]"
)
# A gap this wide (in ems) ends a piece; after the mark of a list item it must be wider.
_WIDE_GAP, _WIDE_GAP_AFTER_MARK = 0.9, 4.0
# In a justified line gaps may be as wide as this if they are much alike.
_JUSTIFIED, _ALIKE = 2.0, 1.4
# How far below the baseline a line reaches (in ems).
_DESCENT = 0.22
# What a font says of its size is believed if its characters are about as high as that.
_LIKELY_HEIGHTS = (0.5, 2.5)
# A baseline that is this far (in ems) from the one before begins a piece.
_OTHER_BASELINE = 0.1
# Text that runs further from a right angle (radians) than this runs askew.
_ASKEW = 0.05

FARTHEST = 1e6
"""Places further out (in points), and what is no number, are those of broken files."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""


class Word(NamedTuple):
    """A word and where it begins and ends."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Words on one baseline, in the frame of their direction; ``order`` counts pieces as they were drawn."""

    words: tuple[Word, ...]
    left: float
    right: float
    baseline: float
    bottom: float
    top: float
    em: float
    is_fixed_pitch: bool
    is_bold: bool
    order: int

    @property
    def text(self) -> str:
        """The words, a space between each two."""
        return " ".join([word.text for word in self.words])

    @property
    def middle(self) -> float:
        """Half the height of a small letter above the baseline."""
        return self.baseline + self.em / 4


@dataclass(frozen=True, slots=True)
class PageWords:
    """Pieces by direction, in quarter turns against the clock from rightwards, and those that run askew."""

    pieces: dict[int, list[Piece]] = field(default_factory=dict)
    askew: list[Piece] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many words there are."""
        return sum(len(piece.words) for some in (self.askew, *self.pieces.values()) for piece in some)

    @property
    def direction(self) -> int:
        """The way in which most of the text runs."""
        return max(self.pieces, key=lambda turns: sum(len(piece.words) for piece in self.pieces[turns]), default=0)


def turned(box: Box, turns: int) -> Box:
    """A box on the page in the frame of this direction."""
    left, bottom, right, top = box
    if turns == 1:
        return bottom, -right, top, -left
    if turns == 2:
        return -right, -top, -left, -bottom
    if turns == 3:
        return -top, left, -bottom, right
    return box


def page_words(text_page: pdfium.PdfTextPage) -> PageWords:
    """The pieces of a page in the order in which they were drawn."""
    reader = _Reader(text_page)
    found = PageWords()
    for line in _LINE.finditer(reader.text):
        for part in reader.parts(line.start(), line.end()):
            turns = part.style.turns
            pieces = found.askew if turns is None else found.pieces.setdefault(turns, [])
            pieces.append(part.piece(len(pieces)))
    return found


class _Style(NamedTuple):
    """What the characters of one text object share."""

    turns: int | None
    baseline: float
    em: float
    is_fixed_pitch: bool
    is_bold: bool


@dataclass(slots=True)
class _Part:
    """What may become a piece."""

    style: _Style
    words: list[Word]
    is_fixed_pitch: bool
    _letters: dict[_Style, int] = field(default_factory=dict)

    def continues(self, word: Word, style: _Style, widest: float) -> bool:
        """Whether a word belongs to this part: same direction and baseline, no gap wider than a space."""
        if style is not self.style:
            if style.turns is None or style.turns != self.style.turns:
                return style.turns is None and style[2:] == self.style[2:]
            if abs(style.baseline - self.style.baseline) > _OTHER_BASELINE * style.em:
                return False
        last = self.words[-1]
        gap = max(word.left - last.right, last.left - word.right)
        if gap <= widest * style.em or (self.is_fixed_pitch and style.is_fixed_pitch):
            return True
        return len(self.words) == 1 and gap <= _WIDE_GAP_AFTER_MARK * style.em and bool(_LIST_MARK.fullmatch(last.text))

    def add(self, word: Word, style: _Style, *, is_glued: bool) -> None:
        if style is not self.style or self._letters:
            self.is_fixed_pitch = self.is_fixed_pitch and style.is_fixed_pitch
            letters = self._letters or {self.style: sum(len(word.text) for word in self.words)}
            letters[style] = letters.get(style, 0) + len(word.text)
            self._letters = letters
            self.style = max(letters, key=letters.__getitem__)
        if is_glued:
            before = self.words[-1]
            word = Word(before.text + word.text, min(before.left, word.left), max(before.right, word.right))
            self.words[-1] = word
        else:
            self.words.append(word)

    def piece(self, order: int) -> Piece:
        first, last, style = self.words[0], self.words[-1], self.style
        bottom = style.baseline - _DESCENT * style.em
        return Piece(
            tuple(self.words),
            min(first.left, last.left),
            max(first.right, last.right),
            style.baseline,
            bottom,
            bottom + style.em,
            style.em,
            self.is_fixed_pitch,
            style.is_bold,
            order,
        )


class _Reader:
    """Asks pdfium about the characters of a page, as seldom as it can: a call costs as much as the work on a word."""

    def __init__(self, text_page: pdfium.PdfTextPage) -> None:
        self._page = text_page.raw
        self._rect, self._matrix = pdfium_c.FS_RECTF(), pdfium_c.FS_MATRIX()
        self._objects: dict[int, int] = {}
        self._styles: dict[int, _Style] = {}
        self._metrics: dict[tuple[object, ...], tuple[float, bool, bool]] = {}
        self.text = _all_text(text_page)

    def parts(self, start: int, end: int) -> Iterator[_Part]:
        """What of one of pdfium's lines stands on one baseline, without wide gaps."""
        text, part = self.text, None
        found: list[tuple[Word, _Style, bool]] = []
        for first, last, is_glued in self._segments(start, end):
            shown = text[first:last]
            if not (shown.isascii() and shown.isprintable()):
                shown = _clean(shown)
                if not shown:
                    continue
            style = self._style(first)
            left, right = self._extent(first, last - 1, style.turns)
            found.append((Word(shown, left, right), style, is_glued))
        if not found:
            return
        style = found[0][1]
        widest, is_even = _spaces(found)
        if is_even and found[-1][1] is style and all(other is style for _, other, _ in found):
            yield _Part(style, [word for word, _, _ in found], style.is_fixed_pitch)
            return
        for word, style, is_glued in found:
            if part is not None and part.continues(word, style, widest):
                part.add(word, style, is_glued=is_glued)
            else:
                if part is not None:
                    yield part
                part = _Part(style, [word], style.is_fixed_pitch)
        if part is not None:
            yield part

    def _segments(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """(start, end, whether it continues a word) of words, and of parts of words that are objects of their own."""
        words = [match.span() for match in _WORD.finditer(self.text, start, end)]
        if not words:
            return
        if self._object(words[0][0]) == self._object(words[-1][1] - 1):
            self._objects |= dict.fromkeys([first for first, _ in words], self._objects[words[0][0]])
            for first, last in words:
                yield first, last, False
            return
        for first, last in words:
            is_glued = False
            for cut in (*self._changes(first, last - 1), last):
                yield first, cut, is_glued
                first, is_glued = cut, True

    def _changes(self, first: int, last: int) -> list[int]:
        """Where between these characters of one word another text object begins."""
        if first == last or self._object(first) == self._object(last):
            return []
        if last == first + 1:
            return [last]
        middle = (first + last) // 2
        return [*self._changes(first, middle), *self._changes(middle, last)]

    def _object(self, index: int) -> int:
        """The address of the text object that a character belongs to; 0 for none."""
        found = self._objects.get(index)
        if found is None:
            pointer = pdfium_c.FPDFText_GetTextObject(self._page, index)
            found = self._objects[index] = ctypes.addressof(pointer.contents) if pointer else 0
        return found

    def _style(self, index: int) -> _Style:
        address = self._object(index)
        found = self._styles.get(address)
        if found is None or not address:
            found = self._styles[address] = self._measured(index)
        return found

    def _measured(self, index: int) -> _Style:
        matrix = self._matrix
        pdfium_c.FPDFText_GetMatrix(self._page, index, matrix)
        if not abs(matrix.a) + abs(matrix.b) + abs(matrix.c) + abs(matrix.d) + abs(matrix.e) + abs(matrix.f) < FARTHEST:
            return _Style(0, 0.0, 1.0, False, False)
        turns: int | None = 0
        if matrix.b != 0 or matrix.a < 0:
            angle = math.atan2(matrix.b, matrix.a)
            turns = round(angle / (math.pi / 2))
            turns = None if abs(angle - turns * math.pi / 2) > _ASKEW else turns % 4
        em = pdfium_c.FPDFText_GetFontSize(self._page, index) * math.hypot(matrix.c, matrix.d)
        _, baseline, _, _ = turned((matrix.e, matrix.f, matrix.e, matrix.f), turns or 0)
        pointer = pdfium_c.FPDFText_GetTextObject(self._page, index)
        font = pdfium_c.FPDFTextObj_GetFont(pointer) if pointer else None
        key = (ctypes.addressof(font.contents), em, turns) if font else (index,)
        metrics = self._metrics.get(key)
        if metrics is None:
            _, bottom, _, top = turned(self._box(index), turns or 0)
            metrics = self._metrics[key] = max(top - bottom, 0.1), *self._font(index)
        height, is_fixed_pitch, is_bold = metrics
        if not _LIKELY_HEIGHTS[0] * em < height < _LIKELY_HEIGHTS[1] * em:
            em = min(height, FARTHEST) if height > 0 else 1.0
        return _Style(turns, baseline, em, is_fixed_pitch, is_bold)

    def _extent(self, first: int, last: int, turns: int | None) -> tuple[float, float]:
        """Where characters ``first`` to ``last`` begin and end in their direction."""
        rect = self._rect
        pdfium_c.FPDFText_GetLooseCharBox(self._page, first, rect)
        if not turns:
            left, right = rect.left, rect.right
            if last > first:
                pdfium_c.FPDFText_GetLooseCharBox(self._page, last, rect)
                left, right = min(left, rect.left), max(right, rect.right)
            return (left, right) if -FARTHEST < left <= right < FARTHEST else (0.0, 0.0)
        a, b = turned(self._box(first), turns), turned(self._box(last), turns)
        left, right = min(a[0], b[0]), max(a[2], b[2])
        return (left, right) if -FARTHEST < left <= right < FARTHEST else (0.0, 0.0)

    def _box(self, index: int) -> Box:
        rect = self._rect
        pdfium_c.FPDFText_GetLooseCharBox(self._page, index, rect)
        return rect.left, rect.bottom, rect.right, rect.top

    def _font(self, index: int) -> tuple[bool, bool]:
        """Whether the font of a character has a fixed pitch, and whether it is bold: by its flags, or only by name."""
        name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
        pdfium_c.FPDFText_GetFontInfo(self._page, index, name, len(name), flags)
        named = name.value.decode("latin-1")
        is_fixed_pitch = bool(flags.value & _FIXED_PITCH_FLAG) or _FIXED_NAMES.search(named) is not None
        return is_fixed_pitch, bool(flags.value & _BOLD_FLAG) or _BOLD_NAMES.search(named) is not None


def _spaces(line: Sequence[tuple[Word, _Style, bool]]) -> tuple[float, bool]:
    """How wide (in ems) a gap between two words of this line may be, and whether none is wider.

    In a justified line they are wide, but alike.
    """
    gaps = [b[0].left - a[0].right for a, b in pairwise(line) if not b[2]]
    if not gaps:
        return _WIDE_GAP, True
    em, largest, smallest = line[0][1].em, max(gaps), min(gaps)
    if smallest < -em:  # from right to left
        return _WIDE_GAP, False
    if largest <= _WIDE_GAP * em:
        return _WIDE_GAP, True
    widest = _JUSTIFIED if len(gaps) > 2 and largest <= _ALIKE * smallest else _WIDE_GAP
    return widest, largest <= widest * em


def _all_text(text_page: pdfium.PdfTextPage) -> str:
    """A character for each one that pdfium counts. Half a pair of surrogates is a character of its own."""
    count = text_page.count_chars()
    buffer = (ctypes.c_ushort * (count + 1))()
    if pdfium_c.FPDFText_GetText(text_page.raw, 0, count, buffer) == count + 1:
        units = buffer[:count]
    else:  # some of them have no text
        units = [pdfium_c.FPDFText_GetUnicode(text_page.raw, i) for i in range(count)]
    return "".join(map(chr, units))


def _clean(text: str) -> str:
    """A word as it is to be read: surrogates joined, lone ones replaced, without what is no character."""
    text = _LINE_HYPHENS.sub("-", text)
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return in_one_line(_NO_CHARACTER.sub("", joined))
