"""The markers of a list's items as a page shows them: bullets, numbers, letters, Roman numerals.

Knows the attributes of lists, not what stands in their items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from turbohtml import Element

from corpora.loaders.formats.numerals import numeral

_STYLE = re.compile(r"list-style(?:-type)?\s*:[^;]*?\b(lower|upper)-(alpha|latin|roman)\b", re.IGNORECASE)
_TYPES = {"alpha": "a", "latin": "a", "roman": "i"}
_WHOLE = re.compile(r"\s*(-?\d{1,8})\s*")


@dataclass(slots=True)
class Numbering:
    """The next number of an open list, by how much it grows, and how it is written; bullets have no ``kind``."""

    kind: str = ""
    following: int = 1
    step: int = 1

    @property
    def is_plain(self) -> bool:
        """Whether its items have bullets."""
        return not self.kind

    def marker(self, value: str | None = None) -> str:
        """The marker of the next item, which may have a number of its own."""
        if not self.kind:
            return "-"
        if found := _WHOLE.fullmatch(value or ""):
            self.following = int(found[1])
        number = self.following
        self.following += self.step
        return f"{_written(number, self.kind)}."


def numbering_of(element: Element, name: str, length: int) -> Numbering:
    """How a list of that name and ``length`` marks its items."""
    if name != "ol":
        return Numbering()
    is_reversed = element.attr("reversed") is not None
    start = _WHOLE.fullmatch(element.attr("start") or "")
    first = int(start[1]) if start else length if is_reversed else 1
    return Numbering(_kind(element), first, -1 if is_reversed else 1)


def _kind(element: Element) -> str:
    kind = element.attr("type") or ""
    if kind in ("1", "a", "A", "i", "I"):
        return kind
    if style := _STYLE.search(element.attr("style") or ""):
        letter = _TYPES[style[2].lower()]
        return letter.upper() if style[1].lower() == "upper" else letter
    return "1"


def _written(number: int, kind: str) -> str:
    if kind in "aA" and number > 0:
        text = _letters(number)
    else:
        text = numeral(number, "lowerRoman" if kind in "iI" else "decimal")
    return text.upper() if kind.isupper() else text


def _letters(number: int) -> str:
    """After z come aa and ab, where documents have aa and bb (``numerals``)."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
