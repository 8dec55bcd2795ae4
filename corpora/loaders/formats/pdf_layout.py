"""Lines of a PDF's pages to reading text: finds paragraphs, items, headings and code, removes running titles.

A PDF has no paragraphs: they are recognised by gaps, indents, font heights and lines that end early. A running title is
removed only if it is the same on most pages, or differs by nothing but the page number, since losing a line of text is
worse than keeping a title. Knows nothing of pdfium.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from corpora.text.code_detection import CODE_INDENT
from corpora.text.reflow import LINE_END, Joiner
from corpora.text.sentences import sentence_end

_BULLET = re.compile(r"(?:[\u2022\u25cf\u25e6\u25aa\u2023\uf0b7*\u2013-]|\(?\d{1,3}[.)])\s+(?=\S)")
_ROUND_BULLET = re.compile(r"^[\u2022\u25cf\u25e6\u25aa\u2023\uf0b7*\u2013]\s+")
# A gap this much wider than the usual one, or a font this much higher or lower, separates two blocks.
_WIDE_GAP, _OTHER_HEIGHT = 1.3, 0.15
# A line was ended on purpose if the next word would have fitted and left this share of the width free.
_FREE_SHARE = 0.1
# The right edge of a column is looked for this many lines up and down, among lines that begin this near (points).
_EDGE_LINES, _EDGE_NEAR = 8, 60.0
_JOINED, _NEW_LINE, _NEW_BLOCK = "", "\n", "\n\n"
# How many lines at the top and at the bottom of a page may be a running title, and on how many pages it returns.
_MARGIN_LINES = 2
_FEWEST_PAGES, _MOST_PAGES = 3, 0.6
# Longer lines with a full stop are sentences.
_TITLE_WORDS = 6
_SENTENCE_END = sentence_end()
# A number by itself: not in a date, a time or a price, nor in a name such as A4.
_IN_WORD = r"[^\W\u3000-\u9fff]"
_NUMBER = re.compile(
    rf"(?<!{_IN_WORD})(?<!\w[.,:-])(?:\d{{1,6}}|[ivxlc]{{1,9}}|[IVXLC]{{1,9}})(?!{_IN_WORD})(?![.,:-]\w)"
)
_PAGE = r"(?:(?:pages?|pp?|pg|seite|blatt|folio|p[a\u00e1]gina|pag|side|sida|strona)\b\.?|\u7b2c)"
_AFTER_PAGE = re.compile(rf"(?:^|.*\W){_PAGE}\W*$", re.IGNORECASE)
_ONLY_PAGE = re.compile(rf"\W*{_PAGE}\W*$", re.IGNORECASE)
_NO_WORDS = re.compile(r"\W*$")
_TOTAL = re.compile(
    r"\W*(?:(?:of|von|de|di|sur|van|av|af|/)\W*\d+)?\W*(?:\u9875|\u9801|\u30da\u30fc\u30b8)?\W*$", re.IGNORECASE
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page; boxes in points, the origin at the lower left."""

    text: str
    left: float
    right: float
    bottom: float
    top: float
    is_fixed_pitch: bool

    @property
    def height(self) -> float:
        return max(self.top - self.bottom, 0.1)


@dataclass(frozen=True, slots=True)
class Layout:
    """Reading text and the offset in it at which each page begins."""

    text: str
    page_starts: list[int]


@dataclass(slots=True)
class _Block:
    """Lines that belong together, each with the number of its page; ``gap`` separates the block from the one before."""

    gap: str
    lines: list[tuple[int, Line]] = field(default_factory=list)

    @property
    def is_code(self) -> bool:
        return all(line.is_fixed_pitch for _, line in self.lines)


def laid_out(pages: Sequence[Sequence[Line]]) -> Layout:
    """The reading text of all pages."""
    body = _without_running_lines(pages)
    joiner = Joiner("\n".join(line.text for lines in body for line in lines))
    parts: list[str] = []
    length, starts = 0, [-1] * len(pages)
    for block in _blocks(body):
        parts.append(block.gap)
        length += len(block.gap)
        for page, part, is_joined in _parts(block):
            cut, gap = joiner.seam(parts[-1], part) if is_joined else (0, "")
            parts[-1] = parts[-1][: len(parts[-1]) - cut] + gap
            length += len(gap) - cut
            if starts[page] < 0:
                starts[page] = length
            parts.append(part)
            length += len(part)
    return Layout("".join(parts), _filled(starts, length))


def _parts(block: _Block) -> Iterator[tuple[int, str, bool]]:
    """(page, text, whether it is joined to the line before) for each line of a block."""
    if block.is_code:
        margin = min(line.left for _, line in block.lines)
        for n, (page, line) in enumerate(block.lines):
            character_width = max((line.right - line.left) / len(line.text), 0.1)
            indent = " " * min(round((line.left - margin) / character_width), 80)
            yield page, ("\n" if n else "") + CODE_INDENT + indent + line.text, False
        return
    for n, (page, line) in enumerate(block.lines):
        yield page, _ROUND_BULLET.sub("- ", line.text) if n == 0 else line.text, n > 0


def _filled(starts: list[int], end: int) -> list[int]:
    """A page without text of its own begins where the next one does."""
    for page in reversed(range(len(starts))):
        if starts[page] < 0:
            starts[page] = starts[page + 1] if page + 1 < len(starts) else end
    return starts


def _blocks(pages: Sequence[Sequence[Line]]) -> Iterator[_Block]:
    """Group lines; a paragraph may run over the end of a column or a page."""
    block = _Block(_JOINED)
    before, edge = None, 0.0
    for number, lines in enumerate(pages):
        usual_gap = _usual_gap(lines)
        for n, line in enumerate(lines):
            if before is not None:
                gap = _gap(before, line, edge, None if n == 0 else usual_gap)
                if gap != _JOINED:
                    yield block
                    block = _Block(gap)
            block.lines.append((number, line))
            before, edge = line, _right_edge(lines, n)
    if block.lines:
        yield block


def _gap(before: Line, line: Line, edge: float, usual_gap: float | None) -> str:
    """What separates a line from the one before it; ``usual_gap`` is None at the beginning of a page."""
    if before.is_fixed_pitch and line.is_fixed_pitch:
        return _JOINED
    same_height = abs(before.height - line.height) <= _OTHER_HEIGHT * max(before.height, line.height)
    if before.is_fixed_pitch != line.is_fixed_pitch or not same_height:
        return _NEW_BLOCK
    drop = before.bottom - line.bottom
    moved_on = usual_gap is None or drop < -before.height / 2  # to the next page or column
    is_wide = not moved_on and usual_gap is not None and drop > _WIDE_GAP * usual_gap
    if _BULLET.match(line.text):
        return _NEW_BLOCK if is_wide else _NEW_LINE
    ended = LINE_END.search(before.text) is not None
    if moved_on:
        return _NEW_BLOCK if ended or not line.text[0].islower() else _JOINED
    if is_wide:
        return _NEW_BLOCK
    is_indented = line.left > before.left + 0.8 * before.height
    if ended and is_indented:
        return _NEW_BLOCK
    if _was_ended(before, line, edge):
        return _NEW_BLOCK if ended else _NEW_LINE
    return _JOINED


def _was_ended(before: Line, line: Line, edge: float) -> bool:
    """Whether the line before was ended on purpose: the first word of ``line`` would have fitted easily."""
    character_width = (before.right - before.left) / len(before.text)
    first_word = len(line.text.split(None, 1)[0]) + 1
    return before.right + first_word * character_width < edge - _FREE_SHARE * (edge - before.left)


def _right_edge(lines: Sequence[Line], n: int) -> float:
    """The right edge of the lines around line ``n`` that begin near its left edge, up to a wide gap."""
    right = lines[n].right
    for step in (-1, 1):
        last = lines[n]
        for i in range(n + step, n + step * _EDGE_LINES, step):
            if not 0 <= i < len(lines):
                break
            line = lines[i]
            if abs(line.bottom - last.bottom) > 3 * last.height or abs(line.left - last.left) > _EDGE_NEAR:
                break
            right, last = max(right, line.right), line
    return right


def _usual_gap(lines: Sequence[Line]) -> float:
    """The median distance from one line to the next below it; wide where there is nothing to measure."""
    gaps = [
        a.bottom - b.bottom
        for a, b in pairwise(lines)
        if 0 < a.bottom - b.bottom < 3 * a.height and abs(a.height - b.height) <= _OTHER_HEIGHT * a.height
    ]
    tight = [gap for gap, line in zip(gaps, lines, strict=False) if gap <= 1.7 * line.height]
    return median(tight or gaps) if gaps else 2 * max((line.height for line in lines), default=1.0)


@dataclass(frozen=True, slots=True)
class _Title:
    """A line as a running title: occurrences of one title are equal. ``height`` is its position on the page."""

    height: int
    before: str
    after: str
    shift: int | None = None
    """The number between ``before`` and ``after`` minus the number of the page; None if the line has no number."""
    is_roman: bool = False

    @property
    def is_number(self) -> bool:
        """Whether the line says nothing but the page number."""
        bare = _NO_WORDS.match(self.before) or _ONLY_PAGE.match(self.before)
        return self.shift is not None and bare is not None and _TOTAL.match(self.after) is not None


def _without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Remove lines at the top and bottom that recur at their height on most pages, or on most left or right ones.

    No page that says more than its number becomes empty.
    """
    titles = [{id(line): list(_titles(line, n)) for line in _outer(lines)} for n, lines in enumerate(pages)]
    running = _running([{title for some in page.values() for title in some} for page in titles])
    kept: list[list[Line]] = []
    for lines, page in zip(pages, titles, strict=True):
        recurring = {line: [title for title in some if title in running] for line, some in page.items()}
        body = [line for line in lines if not recurring.get(id(line))]
        if not body:
            body = [line for line in lines if not any(title.is_number for title in recurring[id(line)])]
        kept.append(body)
    return kept if any(kept) else [list(lines) for lines in pages]


def _running(pages: Sequence[set[_Title]]) -> set[_Title]:
    """The titles that recur on enough pages. Where most pages have a number, it may restart within a book."""
    sides = (range(len(pages)), range(0, len(pages), 2), range(1, len(pages), 2))
    everywhere, *halves = [Counter[_Title](title for n in side for title in pages[n]) for side in sides]
    heights = ({title.height for title in page if title.is_number} for page in pages)
    numbered = Counter[int](height for page_heights in heights for height in page_heights)

    def returns(title: _Title) -> bool:
        count = everywhere[title]
        if count < _FEWEST_PAGES:
            return False
        if count >= _MOST_PAGES * len(pages) or (
            title.is_number and numbered[title.height] >= _MOST_PAGES * len(pages)
        ):
            return True
        return any(
            half[title] == count >= _MOST_PAGES * len(side) for half, side in zip(halves, sides[1:], strict=True)
        )

    return {title for page in pages for title in page if returns(title)}


def _outer(lines: Sequence[Line]) -> list[Line]:
    by_height = sorted(lines, key=lambda line: line.bottom)
    return by_height[:_MARGIN_LINES] + by_height[-_MARGIN_LINES:]


def _titles(line: Line, page: int) -> Iterator[_Title]:
    """The line as a title without a number and, for every number in it that may be its page's, as one with it."""
    height = round(line.bottom / 6)
    yield _Title(height, line.text, "")
    if _SENTENCE_END.search(line.text) and len(line.text.split()) > _TITLE_WORDS:
        return
    for match in _NUMBER.finditer(line.text):
        before, after = line.text[: match.start()], line.text[match.end() :]
        if _NO_WORDS.match(before) or _AFTER_PAGE.match(before) or _TOTAL.match(after):
            is_roman = not match[0].isdecimal()
            number = _roman(match[0].lower()) if is_roman else int(match[0])
            yield _Title(height, before, after, number - page, is_roman)


def _roman(number: str) -> int:
    values = [_ROMAN[digit] for digit in number]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
