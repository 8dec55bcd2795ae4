"""Presentations (pptx) to reading text, slide by slide: titles as headings, lists, tables, diagrams, notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.opc_package import OpcPackage, attribute, child, children_of, local, whole_number
from corpora.text.reading_text import ReadingText, in_one_line, item_line, words

_TITLES = words("title ctrTitle")
_UNREAD_PLACEHOLDERS = words("sldNum dt ftr hdr sldImg")
_DEEPEST_LIST = 8


def load(data: bytes, name: str) -> Document:
    """Load a presentation. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
    package = OpcPackage.opened(data, name)
    reading = ReadingText(title=package.title())
    main = package.main_part()
    relations = package.relations(main)
    try:
        for position, slide in enumerate(_slide_ids(package.xml(main)), 1):
            if slide in relations:
                reading.section("slide", str(position))
                _Writer(package, reading).slide(relations[slide].part)
    except RecursionError as error:
        raise DamagedFile(
            f"the shapes of {name} are nested too deeply", hint="save it as text in its program and add that"
        ) from error
    return reading.document(name)


def _slide_ids(presentation: Element) -> Iterator[str]:
    """The relations of the slides, in the order in which they are shown."""
    for slide in children_of(presentation, "sldIdLst"):
        ids = [value for key, value in slide.attrib.items() if local(key) == "id" and key != "id"]
        yield ids[0] if ids else ""


@dataclass(slots=True)
class _Writer:
    """Writes the shapes of a slide in the order in which they lie on it, the title first."""

    package: OpcPackage
    reading: ReadingText

    def slide(self, part: str) -> None:
        shapes = list(_shapes(child(self.package.xml(part), "cSld", "spTree")))
        for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in _TITLES):  # stable
            self._shape(shape)
        for relation in self.package.relations(part).values():
            if relation.kind == "diagramData" and self.package.has(relation.part):
                texts = (in_one_line(_text(paragraph)) for paragraph in _all(self.package.xml(relation.part), "p"))
                self.reading.items(item_line(text, depth=0) for text in texts if text)
            elif relation.kind == "notesSlide" and self.package.has(relation.part):
                self._notes(self.package.xml(relation.part))

    def _shape(self, shape: Element) -> None:
        kind = _placeholder(shape)
        if kind in _UNREAD_PLACEHOLDERS:
            return
        if (table := next(_all(shape, "tbl"), None)) is not None:
            self.reading.table([_cell(cell) for cell in row if local(cell.tag) == "tc"] for row in _all(table, "tr"))
        elif kind in _TITLES:
            self.reading.heading(" ".join(_text(paragraph) for paragraph in _all(shape, "p")))
        elif (body := child(shape, "txBody")) is not None:
            self._paragraphs(body, is_list=kind in ("body", "obj"))

    def _paragraphs(self, body: Element, *, is_list: bool) -> None:
        """Placeholders hold lists, unless they hold one paragraph; free boxes hold text."""
        paragraphs = [(_depth(paragraph), text) for paragraph in _all(body, "p") if (text := _text(paragraph)).strip()]
        if is_list and len(paragraphs) > 1:
            self.reading.items(item_line(text, depth=depth) for depth, text in paragraphs)
        else:
            for _, text in paragraphs:
                self.reading.paragraph(text)

    def _notes(self, notes: Element) -> None:
        for shape in _shapes(child(notes, "cSld", "spTree")):
            if _placeholder(shape) == "body" and (body := child(shape, "txBody")) is not None:
                texts = [text for paragraph in _all(body, "p") if (text := _text(paragraph)).strip()]
                for n, text in enumerate(texts):
                    self.reading.paragraph(text if n else f"Notes: {text}")


def _shapes(tree: Element | None) -> Iterator[Element]:
    """Shapes and frames, also those in groups."""
    for element in tree if tree is not None else ():
        tag = local(element.tag)
        if tag in ("sp", "graphicFrame"):
            yield element
        elif tag in ("grpSp", "AlternateContent", "Choice"):
            yield from _shapes(element)


def _placeholder(shape: Element) -> str | None:
    """The kind of placeholder that this shape fills; None for free shapes."""
    for properties in shape:
        placeholder = child(properties, "nvPr", "ph")
        if placeholder is not None:
            return attribute(placeholder, "type") or "obj"
    return None


def _all(element: Element, name: str) -> Iterator[Element]:
    return (inner for inner in element.iter() if local(inner.tag) == name)


def _cell(cell: Element) -> str:
    return " ".join(_text(paragraph) for paragraph in _all(cell, "p"))


def _depth(paragraph: Element) -> int:
    properties = child(paragraph, "pPr")
    depth = whole_number(attribute(properties, "lvl"), 0) if properties is not None else 0
    return max(0, min(depth, _DEEPEST_LIST))


def _text(paragraph: Element) -> str:
    """The runs of a paragraph; a line break is a newline."""
    return "".join("\n" if local(part.tag) == "br" else part.text or "" for part in paragraph.iter() if _is_text(part))


def _is_text(element: Element) -> bool:
    return local(element.tag) in ("t", "br")
