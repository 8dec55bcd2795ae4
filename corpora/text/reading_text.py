"""Reading text: the one form in which every document is stored, whatever it was loaded from.

Blocks are separated by one blank line. A heading or a paragraph is one line; a list has one line an item
(nested ones indented by two spaces), a table one line a row (cells between bars); code keeps its lines, each
indented by four spaces. So a newline is always meant, and an indent of four always means code.

While blocks are collected, so are marks: where in the text a page, a section or a row of a table begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from corpora.documents import NOTES, Document, Mark, MarkKind
from corpora.text.code_detection import CODE_INDENT
from corpora.text.language import language_of

PAGE_BREAK = "\f"
"""In text given to a ``ReadingText`` that is ``paged``: the next page begins here."""

_BETWEEN = "\n\n"
_SPACE = re.compile(r"\s+")
_SPACE_BUT_PAGE_BREAKS = re.compile(r"[^\S\f]+")
_SPACE_AROUND_PAGE_BREAK = re.compile(r" ?\f ?")
_AT_PAGE_BREAK = re.compile(r"[ \n]*\f[ \n\f]*")
_AT_ENDS = " \n" + PAGE_BREAK
_INVISIBLE = re.compile("[\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}]")
_CJK_AT_END = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]$")
_CLOSING = " \"'”’»)]"
_ENDS_OF_BLOCKS = tuple(".!?…:;,。！？：；、।")
_LONGEST_LABEL = 200
_MOST_MARKS = 500_000


@dataclass(frozen=True, slots=True)
class _Open:
    """A mark whose end is not yet known; ``level`` is that of a heading."""

    start: int
    kind: MarkKind
    label: str
    level: int = 0


@dataclass(slots=True)
class ReadingText:
    """Collects blocks in order; ``text`` is the document, ``marks`` say where its pages, sections and rows are.

    ``paged`` text is divided into pages, counted from 1, that end at every ``PAGE_BREAK``.
    """

    title: str | None = None
    paged: bool = False
    _blocks: list[str] = field(default_factory=list)
    _end: int = 0
    _page: int = 1
    _open: list[_Open] = field(default_factory=list)
    _marks: list[Mark] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.paged:
            self._open.append(_Open(0, "page", "1"))

    def heading(self, text: str, *, level: int = 1) -> None:
        """A heading; its mark ends at the next of the same or a higher level. The first one sets an unset title."""
        line = self._in_one_line(text)
        if label := in_one_line(line):
            self.title = self.title or label
            self._close(lambda mark: mark.kind == "heading" and mark.level >= level)
            self._open.append(_Open(self._next, "heading", label[:_LONGEST_LABEL], level))
        self._append([line])

    def section(self, kind: MarkKind, label: str) -> None:
        """Begin a page, slide, sheet or chapter, which ends where the next of its kind begins."""
        self._close(lambda mark: mark.kind == kind or (mark.kind == "heading" and kind != "page"))
        self._open.append(_Open(self._next, kind, in_one_line(label)[:_LONGEST_LABEL]))

    def page_break(self) -> None:
        """Begin a new page with the next block."""
        self._page += 1
        self.section("page", str(self._page))

    def paragraph(self, text: str) -> None:
        """One paragraph; newlines in it are intended line breaks."""
        lines = [self._in_one_line(line) for line in text.split("\n")]
        self._append(line for line in lines if line)

    def items(self, items: Iterable[str]) -> None:
        """A list, one finished line an item (bullet or number included, nesting as indent)."""
        self._append(_INVISIBLE.sub("", item).rstrip(" ") for item in items if item.strip())

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """A table, one line and one mark a row, counted from 1. A page that begins inside it begins with a row."""
        block: list[tuple[str, str]] = []
        for number, row in enumerate(rows, 1):
            if self.paged and any(PAGE_BREAK in cell for cell in row):
                self.lines("row", block)
                self.page_break()
                block = []
            if any(cells := [in_one_line(cell) for cell in row]):
                block.append((str(number), " | ".join(cells)))
        self.lines("row", block)

    def lines(self, kind: MarkKind, lines: Iterable[tuple[str, str]]) -> None:
        """(label, text) of rows or records that make one block, a line and a mark each."""
        block: list[str] = []
        start = self._next
        for label, text in lines:
            if line := in_one_line(text):
                self._marks.append(Mark(start, start + len(line), kind, label))
                block.append(line)
                start += len(line) + 1
        self._append(block)

    def code(self, text: str) -> None:
        """Code, line by line; its own common indent is replaced by the one that marks code."""
        lines = [line.rstrip() for line in text.replace(PAGE_BREAK, "").expandtabs(4).split("\n")]
        while lines and not lines[0]:
            lines.pop(0)
        while lines and not lines[-1]:
            lines.pop()
        margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
        self._append(CODE_INDENT + line[margin:] if line else "" for line in lines)

    def note(self, note: str) -> None:
        """Say what of the file is not in the text, as ``3 attached files were not read``. The same is said once."""
        if note not in self._notes:
            self._notes.append(note)

    @property
    def text(self) -> str:
        """All blocks, one blank line between each two."""
        return _BETWEEN.join(self._blocks)

    @property
    def marks(self) -> list[Mark]:
        """The marks so far; those still open end with the last block. None is empty."""
        return [*self._marks, *(self._ended(mark) for mark in self._open if mark.start < self._end)]

    def document(self, name: str) -> Document:
        """The collected text as the document of that name."""
        return as_document(name, self.text, title=self.title, marks=self.marks, notes=self._notes)

    @property
    def _next(self) -> int:
        """Where the next block will begin."""
        return self._end + len(_BETWEEN) if self._blocks else 0

    def _append(self, lines: Iterable[str]) -> None:
        block, breaks_after = "\n".join(lines), 0
        if self.paged and PAGE_BREAK in block:
            inner = block.strip(_AT_ENDS)
            before, _, after = block.partition(inner) if inner else (block, "", "")
            self._page_breaks(before.count(PAGE_BREAK))
            breaks_after = after.count(PAGE_BREAK)
            block = self._without_page_breaks(before.rpartition(PAGE_BREAK)[2].lstrip("\n") + inner)
        if block:
            start = self._next
            self._blocks.append(block)
            self._end = start + len(block)
        self._page_breaks(breaks_after)

    def _page_breaks(self, count: int) -> None:
        for _ in range(count):
            self.page_break()

    def _without_page_breaks(self, block: str) -> str:
        """The block with each page break replaced by a space, or its newline; a page ends and another begins there."""
        parts: list[str] = []
        offset, done = self._next, 0
        for match in _AT_PAGE_BREAK.finditer(block):
            gap = "\n" if "\n" in match[0] else " "
            parts += (block[done : match.start()], gap)
            offset += match.start() - done
            for mark in [mark for mark in self._open if mark.kind == "page"]:
                self._open.remove(mark)
                self._marks.append(Mark(mark.start, offset, "page", mark.label))
            offset, done = offset + len(gap), match.end()
            self._page += match[0].count(PAGE_BREAK)
            self._open.append(_Open(offset, "page", str(self._page)))
        return "".join(parts) + block[done:]

    def _close(self, ends: Callable[[_Open], bool]) -> None:
        """End the open marks for which ``ends`` is true, at the end of the last block."""
        self._marks.extend(self._ended(mark) for mark in self._open if ends(mark) and mark.start < self._end)
        self._open = [mark for mark in self._open if not ends(mark)]

    def _ended(self, mark: _Open) -> Mark:
        return Mark(mark.start, self._end, mark.kind, mark.label)

    def _in_one_line(self, text: str) -> str:
        """As ``in_one_line``, but with page breaks if the text is paged."""
        if not self.paged:
            return in_one_line(text)
        line = _SPACE_BUT_PAGE_BREAKS.sub(" ", _INVISIBLE.sub("", text)).strip(" ")
        return _SPACE_AROUND_PAGE_BREAK.sub(PAGE_BREAK, line)


def as_document(
    name: str, text: str, *, title: str | None = None, marks: Iterable[Mark] = (), notes: Sequence[str] = ()
) -> Document:
    """A loaded document; its metadata are its title (or else its name), its language if it is certain, and ``notes``.

    ``notes`` say what of the file is not in the text.
    """
    language, marks = language_of(text), list(marks)
    if len(marks) > _MOST_MARKS:  # the last rows of such a long sheet have no numbers
        marks = sorted(marks, key=lambda mark: mark.kind in ("row", "record"))[:_MOST_MARKS]
    metadata = {"title": title or name}
    metadata |= {"language": language} if language else {}
    metadata |= {NOTES: "; ".join(notes)} if notes else {}
    return Document.of(name, text, metadata, marks)


def in_one_line(text: str) -> str:
    """White space runs as single spaces; without soft hyphens and zero-width characters, which break words."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()


def ended_block(text: str) -> str:
    """A paragraph behind which another follows on the same line, with a mark that sets them apart."""
    inner = text.rstrip(_CLOSING)
    return text if not inner or inner.endswith(_ENDS_OF_BLOCKS) else f"{text};"


def reading_behind(word: str, reading: str) -> str:
    """What follows a word that has its reading above it, as ruby does: the reading in brackets."""
    gap = "" if _CJK_AT_END.search(word.rstrip()) else " "
    return f"{gap}({reading})" if reading else ""


def words(text: str) -> frozenset[str]:
    """A set of words, written as one string."""
    return frozenset(text.split())


def item_line(text: str, *, depth: int, number: int | None = None) -> str:
    """One list item as its line; ``number`` is none for a bullet."""
    marker = "-" if number is None else f"{number}."
    return f"{'  ' * depth}{marker} {in_one_line(text)}"
