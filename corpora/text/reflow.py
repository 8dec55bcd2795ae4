"""Hard-wrapped plain text to reading text: lines wrapped at a margin are joined, line breaks made on purpose stay.

``Joiner`` joins the lines of one paragraph; which of them go together is decided by ``line_breaks``, whether a hyphen
at a line's end belongs by ``hyphens``, both by what the whole text is like. ``reflow`` finds the blocks first:
paragraphs, headings, lists, tables, code. Knows nothing of files and formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from corpora.text.code_detection import indent, looks_like_code
from corpora.text.hyphens import Hyphens
from corpora.text.line_breaks import COLUMNS, LINE_END, UNSPACED, LineBreaks, goes_on
from corpora.text.reading_text import PAGE_BREAK, ReadingText

_BROKEN_WORD = re.compile(r"\w-$")
_BROKEN_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}-$")
# "pages 12-" in a sentence, and what goes on behind it.
_BROKEN_RANGE, _SECOND_OF_RANGE = (
    re.compile(r"(?:^|\s)[^\W\d_A-Z]+\s\d+-$"),
    re.compile(r"\d+(?:[.,;:]|$|\s[^\W\d_A-Z])"),
)
_NO_CELL = 20  # characters; a shorter line may be a name or a number with a hyphen behind it


class Joiner:
    """Joins wrapped lines, by the words and the margin of the whole text."""

    def __init__(self, text: str, *, keep_hyphens: bool = False) -> None:
        self._hyphens = Hyphens(text, always_kept=keep_hyphens)
        self._breaks = LineBreaks(_blocks(text))

    def paragraph(self, lines: Sequence[str]) -> str:
        """The lines joined, except at intended line breaks, which stay newlines."""
        groups = [[lines[0].strip()]]
        for (line, following), made_by_margin in zip(
            pairwise(line.strip() for line in lines), self._breaks.made_by_margin(lines), strict=True
        ):
            if made_by_margin or _is_broken_word(line, following):
                groups[-1].append(following)
            else:
                groups.append([following])
        return "\n".join(self.joined(group) for group in groups)

    def is_heading(self, lines: Sequence[str]) -> bool:
        """Whether the first line stands right above what it is the heading of."""
        return self._breaks.is_heading(lines, 0)

    def joined(self, lines: Sequence[str]) -> str:
        """All lines joined."""
        parts = [lines[0]]
        for line, following in pairwise(lines):
            cut, gap = self.seam(line, following)
            parts[-1] = parts[-1][: len(parts[-1]) - cut]
            parts += (gap, following)
        return "".join(parts)

    def seam(self, line: str, following: str) -> tuple[int, str]:
        """How many characters to cut from the end of ``line``, and what to put between it and ``following``.

        No space in scripts that have none, no hyphen inside a word that was broken by the margin.
        """
        if not line or not following:
            return 0, ""
        if line.endswith("\N{SOFT HYPHEN}"):
            return 1, ""
        if _BROKEN_INITIALS.search(line):
            return 0, ""
        if line.endswith("-") and following[0].isalnum() and (seam := self._hyphens.seam(line, following)):
            return (1 if seam == "word" else 0), (" " if seam == "suspended" else "")
        return 0, "" if UNSPACED.match(line[-1]) and UNSPACED.match(following) else " "


def _is_broken_word(line: str, following: str) -> bool:
    """Whether a hyphen says that the line goes on."""
    if line.endswith("\N{SOFT HYPHEN}"):
        return True
    if _BROKEN_INITIALS.search(line) or _BROKEN_RANGE.search(line):
        return following[0].islower() or _SECOND_OF_RANGE.match(following) is not None
    is_long = len(line) >= _NO_CELL or following[0].islower()
    return is_long and following[0].isalnum() and _BROKEN_WORD.search(line) is not None


_BULLET = re.compile(r"\s*(?:[-*+\u2022\u2023\u25e6\u2043]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
_NUMBERED = re.compile(r"\s*\(?(?:\d{1,3}|[a-zA-Z])[.)]\s")
# Markers of items that may stand at the beginning of a wrapped line by chance: dashes, boxes, Roman and other numbers.
_WEAK_BULLET = re.compile(
    r"\s*(?:[\u2013\u2014\u00b7\u25aa\u25ab\u25cf\u25cb\u25a0\u25a1\u2610-\u2612\u2713\u2714\u2192]|\[[ xX]?\]"
    r"|\(?[ivxlIVXL]{2,6}[.)]|\(?\d{1,3}(?:\.\d{1,3}){1,3}[.)]?|\#\d{1,3}[.)]?)\s+(?=\S)"
)
_ITEM_END = re.compile(rf"{LINE_END.pattern}|[;,]$")
_NARROWEST_ITEM = 40  # characters; an item whose text goes on in the next line with a capital fills more of them
_QUOTED = re.compile(r"\s{0,3}>[> ]*(?!\S*>)|\s{0,3}>$")
_UNDERLINE = re.compile(r"([=\-~^\"*#+])\1{2,}\s*")
_RULE = re.compile(r"\s*([=\-_*~#])(?:\s*\1){2,}\s*")
_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_GRID = re.compile(r"\s*[+|].*[+|]\s*")
_BORDER = re.compile(r"(?=.*[-=]{3})[-=+|: ]+")


def reflowed(text: str) -> str:
    """The reading text of a plain text."""
    reading = ReadingText()
    reflow(text, reading)
    return reading.text


def reflow(text: str, reading: ReadingText) -> None:
    """Add a plain text to a reading text."""
    writer = _Writer(reading, Joiner(text))
    for n, page in enumerate(text.split(PAGE_BREAK) if reading.paged else [text]):
        if n:
            reading.page_break()
        for block in _blocks(page):
            writer.write(block)


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines without a blank one; a block of fenced code has a NUL before each line."""
    block: list[str] = []
    fence: str | None = None
    for line in re.split(r"\n|[\v\f\u2028\u2029]", text.replace("\0", "")):
        opening = _FENCE.match(line)
        if fence is not None:
            if opening and opening[1].startswith(fence):
                fence = None
                yield from _emitted(block)
                block = []
            else:
                block.append("\0" + line)
        elif opening and not (block and _UNDERLINE.fullmatch(line)):
            yield from _emitted(block)
            block, fence = [], opening[1]
        elif line.strip():
            block.append(line.rstrip())
        else:
            yield from _emitted(block)
            block = []
    yield from _emitted(block)


def _emitted(block: list[str]) -> Iterator[list[str]]:
    if block:
        yield block


@dataclass(slots=True)
class _Writer:
    """Adds blocks as what they look like. Underlines rank headings: the first kind seen is level 1, and so on."""

    reading: ReadingText
    joiner: Joiner
    styles: list[str] = field(default_factory=list)

    def write(self, block: list[str]) -> None:
        """One block; fenced code comes with a NUL before each line."""
        if block[0].startswith("\0"):
            self.reading.code("\n".join(line[1:] for line in block))
            return
        if len(block) > 1 and _UNDERLINE.fullmatch(block[1]) and not _BULLET.match(block[0]):
            self._heading(block[0], block[1][0])
            block = block[2:]
        elif len(block) > 2 and _UNDERLINE.fullmatch(block[0]) and block[0] == block[2]:
            self._heading(block[1], block[0][0] * 2)
            block = block[3:]
        if not block or (len(block) == 1 and _RULE.fullmatch(block[0])):
            return
        if any(map(_QUOTED.match, block)) and not block[0].startswith(">>>") and not _is_program(block):
            self._letter(block)
        elif not _BULLET.match(block[0]) and looks_like_code(block):
            self.reading.code("\n".join(block))
        elif _is_table(block):
            self.reading.table(grid_rows(block) if _GRID.fullmatch(block[0]) else ([line] for line in block))
        elif markers := _markers(block):
            self._list(block, markers)
        else:
            for paragraph in _paragraphs(block):
                self.reading.paragraph(self.joiner.paragraph(paragraph))

    def _heading(self, text: str, style: str) -> None:
        if style not in self.styles:
            self.styles.append(style)
        self.reading.heading(text, level=self.styles.index(style) + 1)

    def _letter(self, block: list[str]) -> None:
        """A block in which lines are quoted; each keeps its marks, which say that the words are another's."""
        for marks, run in groupby(block, key=_quote_marks):
            lines = list(run)
            if not marks:
                self.write(lines)
                continue
            bare = [text for line in lines if (text := _QUOTED.sub("", line, count=1)).strip()]
            quoted = ReadingText()
            if bare:
                _Writer(quoted, self.joiner, self.styles).write(bare)
            self.reading.paragraph("\n".join(f"{marks} {line}" for line in quoted.text.split("\n") if line.strip()))

    def _list(self, block: list[str], markers: frozenset[int]) -> None:
        """A marker begins an item, lines without one continue it; lines before the first marker are a paragraph."""
        first = min(markers)
        if first:
            self.reading.paragraph(self.joiner.paragraph(block[:first]))
        margin = min(indent(line) for line in block)
        items: list[str] = []
        for start, end in pairwise([*sorted(markers), len(block)]):
            depth = min((indent(block[start]) - margin) // 2, 6)
            lead, *rest = self._item_lines(block, start, end)
            items += ["  " * depth + lead, *rest]
        self.reading.items(items)

    def _item_lines(self, block: list[str], start: int, end: int) -> Iterator[str]:
        """The lines of one item, joined where it goes on: indented, in a sentence, or behind a line that is full."""
        margin = max(_NARROWEST_ITEM, *(len(line.strip()) for line in block))
        group = [block[start].strip()]
        has_heading = self.joiner.is_heading(block[start:end])
        for number, (line, following) in enumerate(pairwise(block[start:end])):
            is_inside = indent(following) > indent(block[start])
            may_go_on = number > 0 or not has_heading
            if is_inside or (may_go_on and goes_on(line.strip(), following.strip(), margin)):
                group.append(following.strip())
            else:
                yield self.joiner.joined(group)
                group = [following.strip()]
        yield self.joiner.joined(group)


def _quote_marks(line: str) -> str:
    """The marks of a quoted line, as many as letters it was quoted in; none for a line of the writer's own."""
    quoted = _QUOTED.match(line)
    return ">" * quoted[0].count(">") if quoted else ""


def _is_program(block: list[str]) -> bool:
    """Whether lines with marks among others belong to a program, whatever the marks."""
    return not all(map(_QUOTED.match, block)) and looks_like_code([_QUOTED.sub("", line, count=1) for line in block])


def _markers(block: list[str]) -> frozenset[int]:
    """The numbers of the lines that begin an item, none if the block is no list.

    "J. Rud" or "12. May" inside a wrapped paragraph makes none, nor does a dash.
    """
    if len(block) == 1:
        return frozenset()
    strong = [number for number, line in enumerate(block) if _BULLET.match(line)]
    weak = [number for number, line in enumerate(block) if _WEAK_BULLET.match(line)]
    if weak and not _begin_items(sorted(strong + weak), block):
        weak = [number for number in weak if number and _ITEM_END.search(block[number - 1])]
    marked = strong + weak if len(strong + weak) > 1 else strong
    if not marked:
        return frozenset()
    only = marked[0]
    is_list = len(marked) > 1 or only == 0 or not _NUMBERED.match(block[only]) or LINE_END.search(block[only - 1])
    return frozenset(marked) if is_list else frozenset()


def _begin_items(marked: list[int], block: list[str]) -> bool:
    """Whether the lines with markers are so many, and the first of them stands so, that none is there by chance."""
    first = marked[0]
    if first == 0:
        return True
    begins = len(marked) == len(block) - 1 or _ITEM_END.search(block[first - 1]) is not None
    return begins and 2 * len(marked) >= len(block)


def _paragraphs(block: list[str]) -> Iterator[list[str]]:
    """A block without blank lines, cut where an indent begins a paragraph behind the end of a sentence."""
    depths = [_depth(line) for line in block]
    ended = [LINE_END.search(line) is not None for line in block]
    margin = min(depths)
    if margin > 0 and all(ended):  # Each line is a paragraph of its own.
        margin = 0
    elif margin > 0 or sum(depth > margin for depth in depths) * 2 > len(block) + 1:
        yield block
        return
    start = 0
    for number in range(1, len(block)):
        if depths[number] > margin and ended[number - 1]:
            yield block[start:number]
            start = number
    yield block[start:]


def _depth(line: str) -> int:
    """By how many columns a line is indented; an ideographic space has two."""
    spaces = line[: len(line) - len(line.lstrip())]
    return indent(line) + spaces.count("\u3000")


def _is_table(block: list[str]) -> bool:
    if all(_GRID.fullmatch(line) for line in block):
        return len(block) > 1
    return len(block) > 1 and sum(bool(COLUMNS.search(line.strip())) for line in block) * 3 >= len(block) * 2


def grid_rows(block: list[str]) -> list[list[str]]:
    """The rows of a table drawn with bars; cells of several lines between two borders are joined."""
    has_inner_borders = sum(bool(_BORDER.fullmatch(line)) for line in block) > 3
    corners = [column for column, character in enumerate(block[0]) if character == "+"]
    rows: list[list[str]] = []
    begins_row = True
    for line in block:
        if _BORDER.fullmatch(line):
            begins_row = True
            continue
        if corners:
            cells = [line[a + 1 : b].strip() for a, b in pairwise(corners)]
        else:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if begins_row or not has_inner_borders or len(rows[-1]) != len(cells):
            rows.append(cells)
            begins_row = False
        else:
            rows[-1] = [f"{above} {below}".strip() for above, below in zip(rows[-1], cells, strict=True)]
    return rows
