"""Word documents (docx) to reading text: headings, lists with their numbers, tables, notes; pages as Word broke them.

The XML is read as a stream, so that a long document costs no more memory than its text. ``Style`` and ``Numbering`` say
which paragraphs are headings, and which marker an item of a list has. Tracked deletions are left out, insertions are
read; headers, footers and comments are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.opc_package import OpcPackage, attribute, child, children_of, local, whole_number
from corpora.text.reading_text import PAGE_BREAK, ReadingText, words

_UNREAD = words(
    "pPr rPr tblPr tblGrid trPr tcPr sectPr sdtPr sdtEndPr del moveFrom instrText delText delInstrText Fallback "
    "commentRangeStart commentReference object rubyPr rt"
)
_DEEPEST_LIST = 8
_HEADING_NAME = re.compile(r"heading ([1-9])")
_CONTENTS_NAME = re.compile(r"toc [1-9]")
_PLACEHOLDER = re.compile(r"%([1-9])")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_TITLE_LEVEL = 1
_MOST_ROMAN = 4_000


def load(data: bytes, name: str) -> Document:
    """Load a Word document. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
    package = OpcPackage.opened(data, name)
    main = package.main_part()
    parts = {relation.kind: relation.part for relation in package.relations(main).values()}

    def optional(kind: str) -> Element | None:
        return package.xml(parts[kind]) if kind in parts and package.has(parts[kind]) else None

    reading = ReadingText(title=package.title(), paged=True)
    writer = _Writer(
        reading,
        read_styles(optional("styles")),
        Numbering.read(optional("numbering")),
        {kind: _notes(optional(f"{kind}s")) for kind in ("footnote", "endnote")},
        counts_rendered=b"lastRenderedPageBreak" in package.bytes_of(main),
    )
    try:
        for block in package.children(main, "body"):
            writer.block(block)
        writer.flush()
    except RecursionError as error:
        raise DamagedFile(
            f"the parts of {name} are nested too deeply", hint="save it as text in its program and add that"
        ) from error
    return reading.document(name)


def _notes(root: Element | None) -> dict[str, Element]:
    """Notes by their number."""
    return {attribute(note, "id") or "": note for note in children_of(root)}


@dataclass(slots=True)
class _Writer:
    """Writes blocks in order; the items of a list are collected until another block comes."""

    reading: ReadingText
    styles: dict[str, Style]
    numbering: Numbering
    notes: dict[str, dict[str, Element]]
    counts_rendered: bool
    """Word recorded where its pages end; manual page breaks are among these."""
    items: list[str] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)

    def block(self, element: Element) -> None:
        """A paragraph, a table, or what wraps several of them."""
        tag = local(element.tag)
        if tag == "p":
            self._paragraph(element)
        elif tag == "tbl":
            self.flush()
            self.reading.table(self._rows(element))
            self._flush_notes()
        elif tag not in _UNREAD:
            for inner in element:
                self.block(inner)

    def flush(self) -> None:
        """End the list, if there is one."""
        if self.items:
            self.reading.items(self.items)
            self.items = []
            self._flush_notes()

    def _paragraph(self, paragraph: Element) -> None:
        properties = child(paragraph, "pPr")
        style = self.styles.get(value(child(properties, "pStyle")) or "", Style())
        level = heading_level(properties) or style.level
        marker, depth = self._marker(properties, style)
        text = self._text(paragraph)
        if style.is_contents:
            text = PAGE_BREAK * text.count(PAGE_BREAK)
        if not self.counts_rendered and value(child(properties, "pageBreakBefore")) not in ("0", "false", None):
            text = PAGE_BREAK + text
        if level is not None and text.strip():
            self.flush()
            if style.is_title and text.strip(f" \n{PAGE_BREAK}"):
                self.reading.title = None  # the one that readers see
            self.reading.heading(f"{marker} {text}" if marker and marker != "-" else text, level=level)
        elif marker and text.strip(f" \n{PAGE_BREAK}"):
            self.items.append(_item(text, marker, depth))
        elif text.strip(" \n"):
            self.flush()
            self.reading.paragraph(text)
        if not self.items:
            self._flush_notes()

    def _marker(self, properties: Element | None, style: Style) -> tuple[str | None, int]:
        """The marker of a list item and its depth; None for other paragraphs."""
        own = child(properties, "numPr")
        numbering = value(child(own, "numId")) or style.numbering
        depth = whole_number(value(child(own, "ilvl")), style.depth)
        if numbering is None or numbering == "0":
            return None, 0
        return self.numbering.marker(numbering, depth), depth

    def _text(self, element: Element) -> str:
        return "".join(self._parts(element))

    def _parts(self, element: Element) -> Iterator[str]:
        """The text inside an element; notes and boxes that it refers to are written after its block."""
        for inner in element:
            tag = local(inner.tag)
            if tag == "t":
                yield inner.text or ""
            elif tag == "tab":
                yield "\t"
            elif tag in ("br", "cr"):
                yield self._break(attribute(inner, "type"))
            elif tag == "lastRenderedPageBreak":
                yield PAGE_BREAK
            elif tag == "noBreakHyphen":
                yield "-"
            elif tag in ("footnoteReference", "endnoteReference"):
                self._cite(tag.removesuffix("Reference"), attribute(inner, "id") or "")
            elif tag == "txbxContent":
                self.boxes.append(inner)
            elif tag == "p":
                yield from (*self._parts(inner), "\n")
            elif tag not in _UNREAD:
                yield from self._parts(inner)

    def _break(self, kind: str | None) -> str:
        if kind == "page":
            return " " if self.counts_rendered else PAGE_BREAK
        return " " if kind == "column" else "\n"

    def _cite(self, kind: str, number: str) -> None:
        if (note := self.notes[kind].pop(number, None)) is not None:  # each is shown once
            self.cited.append(self._text(note))

    def _flush_notes(self) -> None:
        """Boxes and notes follow the block that they belong to."""
        boxes, self.boxes = self.boxes, []
        for box in boxes:
            for block in box:
                self.block(block)
            self.flush()
        cited, self.cited = self.cited, []
        for note in cited:
            if words := note.replace(PAGE_BREAK, " ").strip():
                self.reading.paragraph(f"Note: {words}")

    def _rows(self, table: Element) -> Iterator[list[str]]:
        for row in _inside(table, "tr"):
            yield [" ".join(self._text(block) for block in self._cell_blocks(cell)) for cell in _inside(row, "tc")]

    def _cell_blocks(self, cell: Element) -> Iterator[Element]:
        """Paragraphs of a cell, those of tables inside it included."""
        for inner in cell:
            if local(inner.tag) == "p":
                yield inner
            elif local(inner.tag) not in _UNREAD:
                yield from self._cell_blocks(inner)


def _inside(element: Element, name: str) -> Iterator[Element]:
    """Children of that name, wrapped ones (content controls, tracked changes), too."""
    for inner in element:
        if local(inner.tag) == name:
            yield inner
        elif local(inner.tag) in ("sdt", "sdtContent", "ins", "customXml", "moveTo"):
            yield from _inside(inner, name)


def _item(text: str, marker: str, depth: int) -> str:
    """The line of an item; a page that begins with it begins with its line."""
    words = text.strip(f" \n\t{PAGE_BREAK}").replace("\n", " ").replace("\t", " ")
    begins = PAGE_BREAK if text.lstrip(" \n\t").startswith(PAGE_BREAK) else ""
    return f"{begins}{'  ' * min(depth, _DEEPEST_LIST)}{marker} {words}"


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says of its paragraphs; ``level`` is that of a heading.

    ``is_contents``: a line of a table of contents, which repeats a heading and is not read.
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
    """Paragraph styles by id, with what they inherit from the styles that they are based on."""
    elements = {attribute(style, "styleId") or "": style for style in children_of(root) if _is_style(style)}
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
        style_name = (value(child(element, "name")) or "").lower()
        is_title = is_title or style_name == "title"
        is_contents = is_contents or _CONTENTS_NAME.fullmatch(style_name) is not None
        if level is None:
            level = heading_level(child(element, "pPr"))
        if level is None and (match := _HEADING_NAME.fullmatch(style_name)):
            level = int(match[1])
        if numbering is None and (properties := child(element, "pPr", "numPr")) is not None:
            numbering = value(child(properties, "numId"))
            depth = whole_number(value(child(properties, "ilvl")), 0)
        name = value(child(element, "basedOn")) or ""
    return Style(_TITLE_LEVEL if is_title else level, is_title, is_contents, numbering, depth)


def heading_level(properties: Element | None) -> int | None:
    """The outline level that paragraph properties give, from 1; none for body text."""
    outline = whole_number(value(child(properties, "outlineLvl")), 9)
    return outline + 1 if 0 <= outline < 9 else None


def value(element: Element | None) -> str | None:
    """The attribute ``val``, in which most elements hold their value."""
    return None if element is None else attribute(element, "val")


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
                        of_list |= {whole_number(attribute(override, "ilvl"), 0): _level(level)}
                levels[attribute(element, "numId") or ""] = of_list
        return cls(levels)

    def marker(self, numbering: str, depth: int) -> str | None:
        """The marker of the next item of this list: ``-``, ``3.``, ``2.1``; None if there is no such list."""
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
            depth_shown = int(match[1]) - 1
            level_shown = levels.get(depth_shown, level)
            return _shown(counts.get(depth_shown, level_shown.start), level_shown.look)

        return _PLACEHOLDER.sub(shown, level.text).strip() or None


def _levels_in(element: Element) -> dict[int, _Level]:
    return {whole_number(attribute(level, "ilvl"), 0): _level(level) for level in element if local(level.tag) == "lvl"}


def _level(element: Element) -> _Level:
    return _Level(
        look=value(child(element, "numFmt")) or "decimal",
        text=value(child(element, "lvlText")) or "",
        start=whole_number(value(child(element, "start")), 1),
    )


def _shown(count: int, look: str) -> str:
    """A number as the numbering shows it: as letters, in Roman numerals, or else in decimal digits."""
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
