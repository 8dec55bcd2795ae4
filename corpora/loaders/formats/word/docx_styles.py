"""The styles of a Word document: which paragraphs are headings or in lists, which runs are struck, hidden or raised.

Paragraph, character and numbering styles by id, each with what it inherits; and what a paragraph or a run says itself.
Rules of ECMA-376 part 1, 17.7: what is said nearest counts; strike and hidden, said by the style of the paragraph and
by that of the run, undo each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import attribute, child, children_of, local, whole_number
from corpora.loaders.formats.raised_text import Position

_HEADING_NAME = re.compile(r"heading ([1-9])")
_CONTENTS_NAME = re.compile(r"toc [1-9]")
_TITLE_LEVEL = 1
_BODY_TEXT = 9
_SHIFT = 4  # half points
_OFF = ("0", "false", "off")
_POSITIONS: Mapping[str | None, Position] = {"superscript": "raised", "subscript": "lowered", "baseline": "on line"}


@dataclass(frozen=True, slots=True)
class RunProperties:
    """What a run or a style says of text; None where it says nothing."""

    struck: bool | None = None
    hidden: bool | None = None
    position: Position | None = None
    font: str | None = None

    def above(self, base: RunProperties) -> RunProperties:
        """These, and from ``base`` what they do not say."""
        return RunProperties(
            base.struck if self.struck is None else self.struck,
            base.hidden if self.hidden is None else self.hidden,
            self.position or base.position,
            self.font or base.font,
        )


@dataclass(frozen=True, slots=True)
class RunLook:
    """How a run is shown, after all styles."""

    is_struck: bool
    is_hidden: bool
    position: Position
    font: str | None


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says of its paragraphs; ``level`` is that of a heading.

    ``is_contents``: a line of a table of contents, which repeats a heading and is not read. ``numbered_by`` is the
    style, this or one that it is based on, that names the list ``numbering``; ``depth`` is the level in it.
    """

    level: int | None = None
    is_title: bool = False
    is_contents: bool = False
    numbering: str | None = None
    numbered_by: str = ""
    depth: int = 0
    run: RunProperties = RunProperties()


@dataclass(frozen=True, slots=True)
class Styles:
    """All styles of a document, by id; ``lists`` are the numberings that numbering styles name.

    ``language`` is that of its text, such as ``de-DE``; empty if the styles do not say.
    """

    paragraphs: Mapping[str, Style]
    characters: Mapping[str, RunProperties]
    lists: Mapping[str, str]
    default: Style
    language: str

    @classmethod
    def read(cls, root: Element | None) -> Styles:
        """The styles of the part ``styles``."""
        by_kind: dict[str, dict[str, Element]] = {"paragraph": {}, "character": {}, "numbering": {}}
        default = ""
        for element in children_of(root):
            kind, name = attribute(element, "type") or "paragraph", attribute(element, "styleId") or ""
            if local(element.tag) == "style" and kind in by_kind:
                by_kind[kind][name] = element
                if kind == "paragraph" and attribute(element, "default") not in (None, *_OFF):
                    default = name
        paragraphs = {name: _style(by_kind["paragraph"], name) for name in by_kind["paragraph"]}
        characters = {name: _inherited_run(by_kind["character"], name) for name in by_kind["character"]}
        lists = {
            name: value(child(element, "pPr", "numPr", "numId")) or "" for name, element in by_kind["numbering"].items()
        }
        language = value(child(root, "docDefaults", "rPrDefault", "rPr", "lang")) or ""
        return cls(paragraphs, characters, lists, paragraphs.get(default, Style()), language)

    def of(self, properties: Element | None) -> Style:
        """The style of a paragraph with these properties."""
        return self.paragraphs.get(value(child(properties, "pStyle")) or "", self.default)

    def look(self, properties: Element | None, style: Style) -> RunLook:
        """How a run with these properties is shown, in a paragraph of that style."""
        own = run_properties(properties)
        named = self.characters.get(value(child(properties, "rStyle")) or "", RunProperties())
        struck = bool(style.run.struck) != bool(named.struck) if own.struck is None else own.struck
        hidden = bool(style.run.hidden) != bool(named.hidden) if own.hidden is None else own.hidden
        rest = own.above(named).above(style.run)
        return RunLook(struck, hidden, rest.position or "on line", rest.font)


def run_properties(properties: Element | None) -> RunProperties:
    """What run properties say themselves."""
    if properties is None or not len(properties):
        return RunProperties()
    struck = [given for name in ("strike", "dstrike") if (given := switch(child(properties, name))) is not None]
    fonts = child(properties, "rFonts")
    return RunProperties(
        any(struck) if struck else None,
        switch(child(properties, "vanish")),
        _POSITIONS.get(value(child(properties, "vertAlign"))) or _shifted(child(properties, "position")),
        None if fonts is None else attribute(fonts, "ascii") or attribute(fonts, "hAnsi"),
    )


def _shifted(element: Element | None) -> Position | None:
    """The place of text that is moved up or down by half points; a small shift only fits a font to its neighbours."""
    if element is None:
        return None
    shift = whole_number(value(element), 0)
    return "on line" if abs(shift) < _SHIFT else "raised" if shift > 0 else "lowered"


def switch(element: Element | None) -> bool | None:
    """A property that is on or off; None if it is not given."""
    return None if element is None else value(element) not in _OFF


def value(element: Element | None) -> str | None:
    """The attribute ``val``, in which most elements hold their value."""
    return None if element is None else attribute(element, "val")


def outline_level(properties: Element | None) -> int | None:
    """The outline level that paragraph properties give, from 1, 0 for body text; None if they give none."""
    outline = whole_number(value(child(properties, "outlineLvl")), -1)
    if outline < 0:
        return None
    return outline + 1 if outline < _BODY_TEXT else 0


def _chain(elements: Mapping[str, Element], name: str) -> Iterator[tuple[str, Element]]:
    """A style and those that it is based on, nearest first."""
    seen: set[str] = set()
    while name in elements and name not in seen:
        seen.add(name)
        yield name, elements[name]
        name = value(child(elements[name], "basedOn")) or ""


def _inherited_run(elements: Mapping[str, Element], name: str) -> RunProperties:
    run = RunProperties()
    for _, element in _chain(elements, name):
        run = run.above(run_properties(child(element, "rPr")))
    return run


def _style(elements: Mapping[str, Element], name: str) -> Style:
    level: int | None = None
    numbering, numbered_by, depth = None, "", 0
    is_title, is_contents = False, False
    for style_id, element in _chain(elements, name):
        style_name = (value(child(element, "name")) or "").lower()
        is_title = is_title or style_name == "title"
        is_contents = is_contents or _CONTENTS_NAME.fullmatch(style_name) is not None
        if level is None:
            level = outline_level(child(element, "pPr"))
        if level is None and (match := _HEADING_NAME.fullmatch(style_name)):
            level = int(match[1])
        properties = child(element, "pPr", "numPr")
        if numbering is None and (named := value(child(properties, "numId"))) is not None:
            numbering, numbered_by = named, style_id
            depth = whole_number(value(child(properties, "ilvl")), 0)
    return Style(
        level=_TITLE_LEVEL if is_title else level or None,
        is_title=is_title,
        is_contents=is_contents,
        numbering=numbering,
        numbered_by=numbered_by,
        depth=depth,
        run=_inherited_run(elements, name),
    )
