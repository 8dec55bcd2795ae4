"""Reading text: the one form in which every document is stored, whatever it was loaded from.

Blocks are separated by one blank line. A heading or a paragraph is one line; a list has one line an item
(nested ones indented by two spaces), a table one line a row (cells between bars); code keeps its lines, each
indented by four spaces. So a newline is always meant, and an indent of four always means code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

CODE_INDENT = "    "

_SPACE = re.compile(r"\s+")
_INVISIBLE = re.compile("[\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}]")


@dataclass(slots=True)
class ReadingText:
    """Collects blocks in order; ``text`` is the document."""

    _blocks: list[str] = field(default_factory=list)
    title: str | None = None

    def heading(self, text: str) -> None:
        """The first heading is the document's title unless one is set."""
        if line := in_one_line(text):
            self.title = self.title or line
            self._blocks.append(line)

    def paragraph(self, text: str) -> None:
        """One paragraph; newlines in it are line breaks that were meant."""
        lines = [in_one_line(line) for line in text.split("\n")]
        self._append(line for line in lines if line)

    def items(self, items: Iterable[str]) -> None:
        """A list, one finished line an item (bullet or number included, nesting as indent)."""
        self._append(_INVISIBLE.sub("", item).rstrip() for item in items if item.strip())

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """A table, one line a row."""
        cells = ([in_one_line(cell) for cell in row] for row in rows)
        self._append(" | ".join(row) for row in cells if any(row))

    def code(self, text: str) -> None:
        """Code, line by line; its own common indent is replaced by the one that marks code."""
        lines = [line.rstrip() for line in text.expandtabs(4).split("\n")]
        while lines and not lines[0]:
            lines.pop(0)
        margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
        block = "\n".join(CODE_INDENT + line[margin:] if line else "" for line in lines).rstrip()
        if block:
            self._blocks.append(block)

    @property
    def text(self) -> str:
        """All blocks, one blank line between each two."""
        return "\n\n".join(self._blocks)

    def _append(self, lines: Iterable[str]) -> None:
        if block := "\n".join(lines):
            self._blocks.append(block)


def in_one_line(text: str) -> str:
    """White space runs as single spaces; soft hyphens and zero-width marks, which break words, gone."""
    return _SPACE.sub(" ", _INVISIBLE.sub("", text)).strip()


def words(text: str) -> frozenset[str]:
    """A set of words, written as one string."""
    return frozenset(text.split())


def item_line(text: str, *, depth: int, number: int | None = None) -> str:
    """One list item as its line; ``number`` is none for a bullet."""
    marker = "-" if number is None else f"{number}."
    return f"{'  ' * depth}{marker} {in_one_line(text)}"
