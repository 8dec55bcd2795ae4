"""The lines of a PDF's pages, and which of them are running titles and page numbers.

Losing a line of the text is worse than keeping a title: a line is left out only if it says the same on most pages or
differs by nothing but the number of its page. Knows nothing of paragraphs and of pdfium.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# How many lines at the top and at the bottom of a page may be a running title, and on how many pages it returns.
_MARGIN_LINES = 2
_FEWEST_PAGES, _MOST_PAGES = 3, 0.6
# Longer lines with a full stop are sentences.
_TITLE_WORDS = 6
_SENTENCE_END = re.compile(r"[.!?\u3002\uff01\uff1f][\"')\]\u2019\u201d\u300d\u300f\uff09]*$")
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
class _Title:
    """What a line would be as a running title: lines of one title are equal."""

    place: int
    before: str
    after: str
    shift: int | None = None
    """The number between ``before`` and ``after`` less the number of the page; none if the line has none."""
    is_roman: bool = False

    @property
    def is_number(self) -> bool:
        """Does it say nothing but the page's number?"""
        bare = _NO_WORDS.match(self.before) or _ONLY_PAGE.match(self.before)
        return self.shift is not None and bare is not None and _TOTAL.match(self.after) is not None


def without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Leave out lines at the top and bottom that return in their place on most pages, or on most left or right ones.

    No page that says more than its number is left empty.
    """
    titles = [{id(line): list(_titles(line, n)) for line in _outer(lines)} for n, lines in enumerate(pages)]
    running = _running([{title for some in page.values() for title in some} for page in titles])
    kept: list[list[Line]] = []
    for lines, page in zip(pages, titles, strict=True):
        found = {at: [title for title in some if title in running] for at, some in page.items()}
        body = [line for line in lines if not found.get(id(line))]
        if not body:
            body = [line for line in lines if not any(title.is_number for title in found[id(line)])]
        kept.append(body)
    return kept if any(kept) else [list(lines) for lines in pages]


def _running(pages: Sequence[set[_Title]]) -> set[_Title]:
    """The titles that return on enough pages. Where most pages have a number, it may start again within a book."""
    sides = (range(len(pages)), range(0, len(pages), 2), range(1, len(pages), 2))
    everywhere, *halves = [Counter[_Title](title for n in side for title in pages[n]) for side in sides]
    numbered = Counter[int](place for page in pages for place in {one.place for one in page if one.is_number})

    def returns(title: _Title) -> bool:
        count = everywhere[title]
        if count < _FEWEST_PAGES:
            return False
        if count >= _MOST_PAGES * len(pages) or (title.is_number and numbered[title.place] >= _MOST_PAGES * len(pages)):
            return True
        return any(
            half[title] == count >= _MOST_PAGES * len(side) for half, side in zip(halves, sides[1:], strict=True)
        )

    return {title for page in pages for title in page if returns(title)}


def _outer(lines: Sequence[Line]) -> list[Line]:
    by_height = sorted(lines, key=lambda line: line.bottom)
    return by_height[:_MARGIN_LINES] + by_height[-_MARGIN_LINES:]


def _titles(line: Line, page: int) -> Iterator[_Title]:
    """The line as it is and, for every number in it that may be its page's, as a title with such a number."""
    place = round(line.bottom / 6)
    yield _Title(place, line.text, "")
    if _SENTENCE_END.search(line.text) and len(line.text.split()) > _TITLE_WORDS:
        return
    for found in _NUMBER.finditer(line.text):
        before, after = line.text[: found.start()], line.text[found.end() :]
        if _NO_WORDS.match(before) or _AFTER_PAGE.match(before) or _TOTAL.match(after):
            is_roman = not found[0].isdecimal()
            number = _roman(found[0].lower()) if is_roman else int(found[0])
            yield _Title(place, before, after, number - page, is_roman)


def _roman(number: str) -> int:
    values = [_ROMAN[digit] for digit in number]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
