"""Hard-wrapped plain text to reading text: lines wrapped at a margin are joined, line breaks made on purpose stay.

``Joiner`` joins the lines of one paragraph and decides whether a hyphen at a line's end belongs; the margin and the
words that it decides by are those of the whole text. ``reflow`` finds the blocks of a text first: paragraphs, headings,
lists, tables, code. Knows nothing of files and formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from corpora.text.code_detection import indent, looks_like_code
from corpora.text.reading_text import PAGE_BREAK, ReadingText, words
from corpora.text.sentences import sentence_end

_BROKEN_WORD = re.compile(r"(\w+)-$")
# A colon ends a line on purpose, too, and so does the semicolon of a script without spaces.
LINE_END = sentence_end(also=":\uff1a\uff1b")
_UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]")
# Cells of a table set in columns.
COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
# A word that was broken at a hyphen is joined without it, except after these.
_KEEP_HYPHEN = words(
    "all built cross double fine four full half hard high ill long low mid non old one quasi self short single "
    "three two user well wide"
)
# A wrapped line fills at least this share of the margin; a shorter line was ended on purpose.
NEARLY_FULL = 0.75
_WIDEST_MARGIN = 200


class Joiner:
    """Joins wrapped lines; remembers the text's own words to decide whether a hyphen at a line's end belongs."""

    def __init__(self, text: str, *, keep_hyphens: bool = False) -> None:
        self._words = frozenset(re.findall(r"[\w-]+", text.casefold()))
        self._keep_hyphens = keep_hyphens
        self._margin = _margin(text)

    def paragraph(self, lines: Sequence[str]) -> str:
        """The lines joined, except at intended line breaks, which stay newlines."""
        groups = [[lines[0].strip()]]
        for line, following in pairwise(line.strip() for line in lines):
            if self._was_wrapped(line, following):
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
        broken = _BROKEN_WORD.search(line)
        if broken and following[0].isalnum():
            return (0 if self._hyphen_belongs(broken[1], following) else 1), ""
        return 0, "" if _UNSPACED.match(line[-1]) and _UNSPACED.match(following) else " "

    def _hyphen_belongs(self, head: str, following: str) -> bool:
        tail = re.match(r"\w+", following)
        assert tail is not None, "the caller looked at the first letter"
        head, rest = head.casefold(), tail[0].casefold()
        if self._keep_hyphens or not following[0].islower() or not head[-1].isalpha():
            return True
        if f"{head}-{rest}" in self._words:
            return True
        return head in _KEEP_HYPHEN and head + rest not in self._words

    def _was_wrapped(self, line: str, following: str) -> bool:
        """Whether the margin broke this line: the next word would not have fitted, or a sentence runs on."""
        if line.endswith("\N{SOFT HYPHEN}") or (_BROKEN_WORD.search(line) and following[0].islower()):
            return True
        if self._margin is None:
            return False
        first_word = following.split(None, 1)[0]
        if len(line) + 1 + len(first_word) > self._margin * NEARLY_FULL:
            return True
        return following[0].islower() and not LINE_END.search(line)


def _margin(text: str) -> int | None:
    """The column at which this text is wrapped: the upper quartile of prose lines that another line follows.

    None if the lengths of lines vary: then none is wrapped, each is a paragraph or a line of verse.
    """
    lines = text.split("\n")
    lengths = sorted(len(line.rstrip()) for line, following in pairwise(lines) if following.strip() and _is_prose(line))
    margin = lengths[int(len(lengths) * 0.75)] if lengths else 0
    filled = sum(length > margin * NEARLY_FULL for length in lengths)
    return margin if margin <= _WIDEST_MARGIN and filled * 2 >= len(lengths) else None


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and indent(line) < 4 and line[0] != "|" and not COLUMNS.search(line.strip())


_BULLET = re.compile(r"\s*(?:[-*+\u2022\u2023\u25e6\u2043]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+(?=\S)")
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
        if not _BULLET.match(block[0]) and looks_like_code(block):
            self.reading.code("\n".join(block))
        elif _is_table(block):
            self.reading.table(grid_rows(block) if _GRID.fullmatch(block[0]) else ([line] for line in block))
        elif any(_BULLET.match(line) for line in block[1:]) or (_BULLET.match(block[0]) and len(block) > 1):
            self._list(block)
        else:
            self.reading.paragraph(self.joiner.paragraph(block))

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
