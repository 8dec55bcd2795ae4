"""The bookmarks of a PDF as marks of headings: each where its words stand alone on a line of its page.

A bookmark whose words are not there is left out: a mark says what the text says. Knows nothing of pdfium.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from corpora.documents import Mark
from corpora.loaders.formats.pdf_layout import Layout

_LINE = re.compile(r"[^\n]+")
_NO_WORD = re.compile(r"[\W_]+")
# A line may have a number that its bookmark lacks, such as "Chapter IV. " or "2.1 ", and the other way round.
_NUMBER = re.compile(r"[^\W\d_]{0,9}\d{1,6}|(?:appendix|chapter|part|section)?[ivxlc]{0,7}")
_LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of an outline; ``page`` counts from 0, ``level`` from 0 at the top."""

    title: str
    page: int
    level: int


def headings(bookmarks: Sequence[Bookmark], layout: Layout) -> Iterator[Mark]:
    """A mark from each heading to the next of its level or above."""
    found: list[tuple[int, Bookmark]] = []
    after = 0
    for bookmark in bookmarks:
        if (start := _start(bookmark, layout, after)) is not None:
            found.append((start, bookmark))
            after = start + 1
    open_: list[tuple[int, Bookmark]] = []
    for start, bookmark in found:
        while open_ and open_[-1][1].level >= bookmark.level:
            yield _mark(*open_.pop(), start, layout)
        open_.append((start, bookmark))
    while open_:
        yield _mark(*open_.pop(), len(layout.text), layout)


def _mark(start: int, bookmark: Bookmark, end: int, layout: Layout) -> Mark:
    return Mark(start, start + len(layout.text[start:end].rstrip()), "heading", bookmark.title[:_LONGEST_LABEL])


def _start(bookmark: Bookmark, layout: Layout, after: int) -> int | None:
    """Where the line of a bookmark begins on its page, behind the one before it; none if it is not there."""
    if not 0 <= bookmark.page < len(layout.page_starts):
        return None
    wanted = _folded(bookmark.title)
    starts = [*layout.page_starts, len(layout.text)]
    begin = max(starts[bookmark.page], after)
    if not wanted or begin >= starts[bookmark.page + 1]:
        return None
    for line in _LINE.finditer(layout.text, begin, starts[bookmark.page + 1]):
        if line[0].strip() and _same(_folded(line[0]), wanted):
            return line.start()
    return None


def _same(line: str, wanted: str) -> bool:
    """The same words, but for a number before one of them."""
    longer, shorter = (line, wanted) if len(line) >= len(wanted) else (wanted, line)
    return longer == shorter or (longer.endswith(shorter) and _NUMBER.fullmatch(longer[: -len(shorter)]) is not None)


def _folded(text: str) -> str:
    return _NO_WORD.sub("", text.casefold())
