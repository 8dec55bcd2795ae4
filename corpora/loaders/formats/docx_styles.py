"""What styles and numbering mean in a docx: which paragraphs are headings, and what stands before those in a list.

Knows the parts ``styles.xml`` and ``numbering.xml`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import attribute, child, children_of, local

_HEADING_NAME = re.compile(r"heading ([1-9])")
_CONTENTS_NAME = re.compile(r"toc [1-9]")
_PLACEHOLDER = re.compile(r"%([1-9])")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_TITLE_LEVEL = 1
_MOST_ROMAN = 4_000


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says of its paragraphs; ``level`` is that of a heading.

    What ``is_contents`` is a line of a table of contents: it says what a heading says again, and means its page.
    """

    level: int | None = None
    is_title: bool = False
    is_contents: bool = False
    numbering: str | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of a numbering: how its numbers look, where they start, and what is written around them."""

    look: str
    text: str
    start: int


def read_styles(root: Element | None) -> dict[str, Style]:
    """Paragraph styles by id, what they take from the styles that they are based on included."""
    elements = {attribute(one, "styleId") or "": one for one in children_of(root) if _is_style(one)}
    return {name: _style(elements, name) for name in elements}


def _is_style(element: Element) -> bool:
    return local(element.tag) == "style" and attribute(element, "type") == "paragraph"


def _style(elements: Mapping[str, Element], name: str) -> Style:
    level: int | None = None
    numbering: str | None = None
    depth, is_title, is_contents = 0, False, False
    seen: set[str] = set()
    while name in elements and name not in seen:
        seen.add(name)
        element = elements[name]
        called = (value(child(element, "name")) or "").lower()
        is_title = is_title or called == "title"
        is_contents = is_contents or _CONTENTS_NAME.fullmatch(called) is not None
        if level is None:
            level = heading_level(child(element, "pPr"))
        if level is None and (match := _HEADING_NAME.fullmatch(called)):
            level = int(match[1])
        if numbering is None and (properties := child(element, "pPr", "numPr")) is not None:
            numbering = value(child(properties, "numId"))
            depth = number(value(child(properties, "ilvl")), 0)
        name = value(child(element, "basedOn")) or ""
    return Style(_TITLE_LEVEL if is_title else level, is_title, is_contents, numbering, depth)


def heading_level(properties: Element | None) -> int | None:
    """The outline level that paragraph properties give, from 1; none for body text."""
    outline = number(value(child(properties, "outlineLvl")), 9)
    return outline + 1 if 0 <= outline < 9 else None


def value(element: Element | None) -> str | None:
    """What most elements hold: their attribute ``val``."""
    return None if element is None else attribute(element, "val")


def number(text: str | None, default: int) -> int:
    """The whole number that an attribute holds."""
    return int(text) if text is not None and re.fullmatch(r"-?[0-9]{1,6}", text) else default


@dataclass(slots=True)
class Numbering:
    """Counts the paragraphs of numbered lists."""

    _levels: dict[str, dict[int, _Level]]
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Element | None) -> Numbering:
        abstract: dict[str, dict[int, _Level]] = {}
        levels: dict[str, dict[int, _Level]] = {}
        for element in children_of(root):
            if local(element.tag) == "abstractNum":
                abstract[attribute(element, "abstractNumId") or ""] = _levels_in(element)
            elif local(element.tag) == "num":
                of_list = dict(abstract.get(value(child(element, "abstractNumId")) or "", {}))
                for override in element:
                    if (level := child(override, "lvl")) is not None:
                        of_list |= {number(attribute(override, "ilvl"), 0): _level(level)}
                levels[attribute(element, "numId") or ""] = of_list
        return cls(levels)

    def marker(self, numbering: str, depth: int) -> str | None:
        """What stands before the next paragraph of this list: ``-``, ``3.``, ``2.1``; none if the list is none."""
        levels = self._levels.get(numbering)
        if levels is None or depth not in levels:
            return None
        level = levels[depth]
        if level.look == "bullet":
            return "-"
        counts = self._counts.setdefault(numbering, {})
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            of = levels.get(at, level)
            return _shown(counts.get(at, of.start), of.look)

        return _PLACEHOLDER.sub(shown, level.text).strip() or None


def _levels_in(element: Element) -> dict[int, _Level]:
    return {number(attribute(one, "ilvl"), 0): _level(one) for one in element if local(one.tag) == "lvl"}


def _level(element: Element) -> _Level:
    return _Level(
        look=value(child(element, "numFmt")) or "decimal",
        text=value(child(element, "lvlText")) or "",
        start=number(value(child(element, "start")), 1),
    )


def _shown(count: int, look: str) -> str:
    """A number as letters or in Roman figures, if it is to look so and can."""
    if look in ("lowerLetter", "upperLetter") and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 9)
        return letter if look == "lowerLetter" else letter.upper()
    if look in ("lowerRoman", "upperRoman") and 0 < count < _MOST_ROMAN:
        figures = ""
        for worth, figure in _ROMAN:
            figures += figure * (count // worth)
            count %= worth
        return figures if look == "lowerRoman" else figures.upper()
    return "" if look == "none" else str(count)
