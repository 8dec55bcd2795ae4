"""The numbers that Word shows before paragraphs: ``3.``, ``Section 1.1``, ``(iv)``.

Rules of ECMA-376 part 1, 17.9, and of [MS-DOC] 2.4.6.4 where that is silent. Lists (``w:num``) that share a definition
(``w:abstractNum``) share its counts; a list that overrides the start of a level begins there at its first paragraph of
that level, and the others count on from it. A level that was skipped is shown as its start and is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from corpora.loaders.formats.numerals import numeral, padded
from corpora.loaders.formats.opc_package import attribute, child, children_of, local, whole_number
from corpora.loaders.formats.symbol_fonts import TICKS, shown
from corpora.loaders.formats.word.docx_styles import Styles, run_properties, switch, value

_PLACEHOLDER = re.compile(r"%([1-9])")
_NUMBERLESS = ("none", "bullet")
_WORDS = ("ordinal", "cardinalText", "ordinalText")


@dataclass(frozen=True, slots=True)
class Marker:
    """What is shown before a paragraph. ``between`` is what stands between it and the text: a space, or nothing."""

    text: str
    is_bullet: bool = False
    between: str = " "


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of a list: how its numbers look, where they start, and what is written around them.

    ``restarts_after`` counts levels from 1: one as high as that, or higher, lets this one start again; 0 for never.
    ``style`` is the paragraph style that this level belongs to.
    """

    look: str
    text: str
    start: int
    restarts_after: int
    is_legal: bool = False
    pattern: str = ""
    style: str = ""
    between: str = " "
    font: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class _List:
    """A list: the definition whose counts it shares, its levels, and the starts that it overrides, by level."""

    definition: str
    levels: Mapping[int, _Level]
    starts: Mapping[int, int]


@dataclass(slots=True)
class Numbering:
    """Counts the paragraphs of numbered lists; to be asked once for each, in their order.

    Numbers in words are known in English alone; in other languages they are shown in digits.
    """

    _lists: Mapping[str, _List]
    _in_words: bool
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)
    _begun: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def read(cls, root: Element | None, styles: Styles) -> Numbering:
        """The lists of the part ``numbering``, some of which numbering styles name."""
        part = _Part.read(root, styles.lists)
        in_words = styles.language.lower().startswith("en") or not styles.language
        return cls({name: _list(element, part) for name, element in part.lists.items()}, in_words)

    def level_of(self, numbering: str, style: str) -> int | None:
        """The level of a list that belongs to this paragraph style; None if none does."""
        levels = self._lists[numbering].levels if numbering in self._lists else {}
        return next((depth for depth, level in levels.items() if style and level.style == style), None)

    def marker(self, numbering: str, depth: int) -> Marker | None:
        """What is shown before the next paragraph of this list; None if it is nothing, or there is no such list."""
        of_list = self._lists.get(numbering)
        level = of_list.levels.get(depth) if of_list else None
        if of_list is None or level is None:
            return None
        counts = self._counts.setdefault(of_list.definition, {})
        self._restart(counts, of_list, depth)
        if level.look == "bullet":
            return Marker(_bullet(level), is_bullet=True)
        if level.look != "none":
            self._count(counts, numbering, of_list, depth)
        text = "" if level.is_hidden else self._text(of_list, depth, counts)
        return Marker(text, between=level.between) if text else None

    def _count(self, counts: dict[int, int], numbering: str, of_list: _List, depth: int) -> None:
        if depth in of_list.starts and (numbering, depth) not in self._begun:
            counts[depth] = of_list.starts[depth]
        else:
            counts[depth] = counts.get(depth, _start(of_list, depth) - 1) + 1
        self._begun.add((numbering, depth))

    @staticmethod
    def _restart(counts: dict[int, int], of_list: _List, depth: int) -> None:
        """Let deeper levels that this one ends start again."""
        for deeper in [other for other in counts if other > depth]:
            level = of_list.levels.get(deeper)
            if level is None or depth < level.restarts_after:
                del counts[deeper]

    def _text(self, of_list: _List, depth: int, counts: Mapping[int, int]) -> str:
        """The text of a level, with the numbers of it and of those above it."""
        level = of_list.levels[depth]

        def number(match: re.Match[str]) -> str:
            of_depth = int(match[1]) - 1
            if of_depth > depth or of_depth not in of_list.levels:
                return ""
            of_level = of_list.levels[of_depth]
            count = counts.get(of_depth, _start(of_list, of_depth))
            if level.is_legal and of_level.look not in ("decimalZero", *_NUMBERLESS):
                return str(count)
            if of_level.look in _WORDS and not self._in_words:
                return str(count)
            return padded(count, of_level.pattern) or numeral(count, of_level.look)

        return shown(_PLACEHOLDER.sub(number, level.text), level.font)[0].strip()


def _start(of_list: _List, depth: int) -> int:
    return of_list.starts.get(depth, of_list.levels[depth].start)


def _bullet(level: _Level) -> str:
    """A bullet; a box or a tick says something of its item and is kept."""
    picture, _ = shown(level.text, level.font)
    return f"- {picture}" if picture in TICKS else "-"


def _is(element: Element, name: str) -> bool:
    return local(element.tag) == name


@dataclass(frozen=True, slots=True)
class _Part:
    """What is in the part ``numbering``, by id; ``linked`` are the definitions of numbering styles, by style."""

    definitions: Mapping[str, Element]
    lists: Mapping[str, Element]
    list_styles: Mapping[str, str]
    linked: Mapping[str, str]

    @classmethod
    def read(cls, root: Element | None, list_styles: Mapping[str, str]) -> _Part:
        definitions = {attribute(e, "abstractNumId") or "": e for e in children_of(root) if _is(e, "abstractNum")}
        lists = {attribute(e, "numId") or "": e for e in children_of(root) if _is(e, "num")}
        linked = {value(child(e, "styleLink")) or "": name for name, e in definitions.items()}
        return cls(definitions, lists, list_styles, linked)

    def definition_of(self, element: Element) -> str:
        """The definition of a list, followed through the numbering styles that it names."""
        name = value(child(element, "abstractNumId")) or ""
        seen: set[str] = set()
        while name not in seen and (style := value(child(self.definitions.get(name), "numStyleLink"))):
            seen.add(name)
            of_style = value(child(self.lists.get(self.list_styles.get(style, "")), "abstractNumId"))
            name = self.linked.get(style, name) if of_style in (None, name) else of_style or name
        return name


def _list(element: Element, part: _Part) -> _List:
    definition = part.definition_of(element)
    levels = dict(_levels(children_of(part.definitions.get(definition))))
    starts: dict[int, int] = {}
    for override in element:
        if _is(override, "lvlOverride"):
            depth = whole_number(attribute(override, "ilvl"), 0)
            levels.update((depth, level) for _, level in _levels(override))
            if (start := child(override, "startOverride")) is not None:
                starts[depth] = whole_number(value(start), 0)
    return _List(definition, levels, starts)


def _levels(elements: Iterable[Element]) -> Iterable[tuple[int, _Level]]:
    for element in elements:
        if _is(element, "lvl"):
            depth = whole_number(attribute(element, "ilvl"), 0)
            yield depth, _level(element, depth)


def _level(element: Element, depth: int) -> _Level:
    look = child(element, "numFmt")
    if look is None:  # a format that old versions do not know
        look = child(element, "AlternateContent", "Choice", "numFmt")
    run = run_properties(child(element, "rPr"))
    return _Level(
        look=value(look) or "decimal",
        text=value(child(element, "lvlText")) or "",
        start=whole_number(value(child(element, "start")), 1),
        restarts_after=min(whole_number(value(child(element, "lvlRestart")), depth), depth),
        is_legal=bool(switch(child(element, "isLgl"))),
        pattern="" if look is None else attribute(look, "format") or "",
        style=value(child(element, "pStyle")) or "",
        between="" if value(child(element, "suff")) == "nothing" else " ",
        font=run.font,
        is_hidden=bool(run.hidden),
    )
