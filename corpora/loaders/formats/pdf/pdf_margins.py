"""What stands in the margins of a PDF's pages but is none of their text: running titles, and numbers of lines.

A running title is removed only if it is the same on most pages, or differs by nothing but the page number, since losing
a line of text is worse than keeping a title. The head of a table that goes on is none. Numbers of lines stand beside
running text and count its lines. Knows nothing of pdfium.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from corpora.loaders.formats.pdf.pdf_order import as_one, rows_of_pieces
from corpora.loaders.formats.pdf.pdf_words import Piece
from corpora.text.sentences import sentence_end

# How many lines at the top and at the bottom of a page may be a running title, and on how many pages it returns.
_MARGIN_LINES, _NEAR_ENDS = 2, 40
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
# The heads and cells of a table have at most so many words.
_CELL_WORDS = 5
# How many numbers of lines a page has at least, how many of its lines they count, and how wide most of them are.
_FEWEST_NUMBERS, _COUNTED, _WIDE = 5, 0.8, 0.6
_LINE_NUMBER = re.compile(r"\d{1,4}")
_STEPS = (1, 2, 5, 10)


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


def without_running_titles(pages: Sequence[Sequence[Piece]]) -> list[list[Piece]]:
    """Remove lines at the top and bottom that recur at their height on most pages, or on most left or right ones.

    No page that says more than its number becomes empty.
    """
    outer = [_outer(pieces) for pieces in pages]
    titles = [[list(_titles(as_one(row), n)) for row in rows] for n, rows in enumerate(outer)]
    running = _running([{title for some in page for title in some} for page in titles])
    kept: list[list[Piece]] = []
    for pieces, rows, page in zip(pages, outer, titles, strict=True):
        recurring = [[title for title in some if title in running] for some in page]
        gone = {id(piece) for row, some in zip(rows, recurring, strict=True) if some for piece in row}
        body = [piece for piece in pieces if id(piece) not in gone]
        if not body:
            numbers = zip(rows, recurring, strict=True)
            gone = {id(piece) for row, some in numbers if any(title.is_number for title in some) for piece in row}
            body = [piece for piece in pieces if id(piece) not in gone]
        kept.append(body)
    return kept if any(kept) else [list(pieces) for pieces in pages]


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


def _outer(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The outermost lines of a page, but the heads of tables."""
    by_height = sorted(pieces, key=lambda piece: piece.baseline)
    ends = by_height if len(pieces) <= 2 * _NEAR_ENDS else [*by_height[:_NEAR_ENDS], *by_height[-_NEAR_ENDS:]]
    rows = rows_of_pieces(ends)
    if len(rows) <= 2 * _MARGIN_LINES:
        return rows
    top = [row for row, below in pairwise(rows[: _MARGIN_LINES + 1]) if not _is_head(row, below)]
    return [*top, *rows[-_MARGIN_LINES:]]


def _is_head(row: Sequence[Piece], below: Sequence[Piece]) -> bool:
    """Whether a line names the columns of the one below it: each of its parts is above one of the other's."""
    return (
        1 < len(row) == len(below)
        and all(a.left < b.right and b.left < a.right for a, b in zip(row, below, strict=True))
        and all(len(piece.words) <= _CELL_WORDS for piece in (*row, *below))
    )


def _titles(line: Piece, page: int) -> Iterator[_Title]:
    """The line as a title without a number and, for every number in it that may be its page's, as one with it."""
    height = round(line.bottom / 6)
    text = line.text
    yield _Title(height, text, "")
    if _SENTENCE_END.search(text) and len(line.words) > _TITLE_WORDS:
        return
    for match in _NUMBER.finditer(text):
        before, after = text[: match.start()], text[match.end() :]
        if _NO_WORDS.match(before) or _AFTER_PAGE.match(before) or _TOTAL.match(after):
            is_roman = not match[0].isdecimal()
            number = _roman(match[0].lower()) if is_roman else int(match[0])
            yield _Title(height, before, after, number - page, is_roman)


def _roman(number: str) -> int:
    values = [_ROMAN[digit] for digit in number]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def without_line_numbers(pieces: Sequence[Piece]) -> list[Piece]:
    """Remove the numbers that count the lines of a page, or every fifth of them, in one of its margins."""
    numbers = [piece for piece in pieces if len(piece.words) == 1 and _LINE_NUMBER.fullmatch(piece.text)]
    if len(numbers) < _FEWEST_NUMBERS:
        return list(pieces)
    ids = {id(piece) for piece in numbers}
    others = [piece for piece in pieces if id(piece) not in ids]
    if not others:
        return list(pieces)
    for side in (
        [piece for piece in numbers if piece.right < min(other.left for other in others)],
        [piece for piece in numbers if piece.left > max(other.right for other in others)],
    ):
        if _counts_lines(side, others):
            gone = {id(piece) for piece in side}
            return [piece for piece in pieces if id(piece) not in gone]
    return list(pieces)


def _counts_lines(numbers: Sequence[Piece], others: Sequence[Piece]) -> bool:
    """Whether numbers in a margin count lines: they go up evenly, beside running text."""
    if len(numbers) < _FEWEST_NUMBERS:
        return False
    in_order = sorted(numbers, key=lambda piece: -piece.baseline)
    steps = Counter(int(b.text) - int(a.text) for a, b in pairwise(in_order))
    step, count = steps.most_common(1)[0]
    if step not in _STEPS or count < 0.9 * (len(in_order) - 1):
        return False
    top, bottom = in_order[0].baseline + 1.0, in_order[-1].baseline - 1.0
    beside = [row for row in rows_of_pieces(others) if bottom <= row[0].baseline <= top]
    if not _is_running_text(beside):
        return False
    if _has_even_gaps(in_order) and (step > 1 or len(in_order) >= 3 * _FEWEST_NUMBERS):
        return True
    heights = [piece.baseline for piece in in_order]
    counted = [any(abs(row[0].baseline - height) <= 0.3 * row[0].em for height in heights) for row in beside]
    return step > 1 or sum(counted) >= _COUNTED * len(counted)


def _is_running_text(rows: Sequence[Sequence[Piece]]) -> bool:
    if len(rows) < _FEWEST_NUMBERS:
        return False
    left, right = min(row[0].left for row in rows), max(row[-1].right for row in rows)
    full = [len(row) == 1 and row[0].right > left + 0.8 * (right - left) for row in rows]
    return mean(full) >= _WIDE and mean(sum(len(piece.words) for piece in row) for row in rows) >= _CELL_WORDS


def _has_even_gaps(pieces: Sequence[Piece]) -> bool:
    gaps = [a.baseline - b.baseline for a, b in pairwise(pieces)]
    return max(gaps) - min(gaps) <= 0.1 * max(gaps)
