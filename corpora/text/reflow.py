"""Hard-wrapped plain text to reading text: lines wrapped at a margin are joined, line breaks made on purpose stay.

``Joiner`` joins the lines of one paragraph; which of them go together is decided by ``line_breaks``, whether a hyphen
at a line's end belongs by ``hyphens``, both by what the whole text is like. ``reflow`` finds the blocks first:
paragraphs, headings, lists, tables, code. Knows nothing of files and formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from corpora.text.code_detection import indent, looks_like_code
from corpora.text.hyphens import Hyphens
from corpora.text.line_breaks import COLUMNS, LINE_END, LineBreaks
from corpora.text.reading_text import PAGE_BREAK, ReadingText

__all__ = ["LINE_END", "Joiner", "grid_rows", "reflow", "reflowed"]

_BROKEN_WORD = re.compile(r"\w-$")
_NO_CELL = 20  # characters; a shorter line may be a name or a number with a hyphen behind it
_UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]")


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
        if line.endswith("-") and following[0].isalnum() and (seam := self._hyphens.seam(line, following)):
            return (1 if seam == "word" else 0), (" " if seam == "suspended" else "")
        return 0, "" if _UNSPACED.match(line[-1]) and _UNSPACED.match(following) else " "


def _is_broken_word(line: str, following: str) -> bool:
    """Whether a hyphen says that the line goes on."""
    if line.endswith("\N{SOFT HYPHEN}"):
        return True
    is_long = len(line) >= _NO_CELL or following[0].islower()
    return is_long and following[0].isalnum() and _BROKEN_WORD.search(line) is not None


_BULLET = re.compile(r"\s*(?:[-*+\u2022\u2023\u25e6\u2043]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
_NUMBERED = re.compile(r"\s*\(?(?:\d{1,3}|[a-zA-Z])[.)]\s")
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
        if all(map(_QUOTED.match, block)) and not block[0].startswith(">>>"):
            self.write([_QUOTED.sub("", line, count=1) for line in block if _QUOTED.sub("", line, count=1).strip()])
        elif not _BULLET.match(block[0]) and looks_like_code(block):
            self.reading.code("\n".join(block))
        elif _is_table(block):
            self.reading.table(grid_rows(block) if _GRID.fullmatch(block[0]) else ([line] for line in block))
        elif _is_list(block):
            self._list(block)
        else:
            for paragraph in _paragraphs(block):
                self.reading.paragraph(self.joiner.paragraph(paragraph))

    def _heading(self, text: str, style: str) -> None:
        if style not in self.styles:
            self.styles.append(style)
        self.reading.heading(text, level=self.styles.index(style) + 1)

    def _list(self, block: list[str]) -> None:
        """A marker begins an item, lines without one continue it; lines before the first marker are a paragraph."""
        items: list[list[str]] = []
        lead: list[str] = []
        margin = min(indent(line) for line in block)
        for line in block:
            if _BULLET.match(line):
                depth = min((indent(line) - margin) // 2, 6)
                items.append(["  " * depth + line.strip()])
            elif items:
                items[-1].append(line.strip())
            else:
                lead.append(line)
        if lead:
            self.reading.paragraph(self.joiner.paragraph(lead))
        self.reading.items(self.joiner.joined(item) for item in items)


def _is_list(block: list[str]) -> bool:
    """Whether lines begin with markers of items; "J. Rud" or "12. May" inside a wrapped paragraph is none."""
    marked = [number for number, line in enumerate(block) if _BULLET.match(line)]
    if not marked or len(block) == 1:
        return False
    only = marked[0]
    return (
        len(marked) > 1 or only == 0 or not _NUMBERED.match(block[only]) or LINE_END.search(block[only - 1]) is not None
    )


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
