"""Presentations (pptx) to reading text, slide by slide: titles as headings, lists, tables, charts, diagrams, notes.

Comments follow their slide. Hidden slides are read, and their location says so; embedded objects and media are not
read, which is noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from corpora.counts import count
from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.office.graphics import Graphic, write_graphic
from corpora.loaders.formats.office.pptx_order import in_reading_order, placeholder
from corpora.loaders.formats.office.pptx_text import line, paragraphs
from corpora.loaders.formats.office.unread_parts import UnreadParts
from corpora.loaders.formats.opc_package import (
    OpcPackage,
    Relation,
    all_of,
    attribute,
    child,
    children_of,
    is_true,
    local,
    whole_number,
)
from corpora.loaders.formats.tables.rows import Merged, spread, write_table
from corpora.text.reading_text import ReadingText, in_one_line, words

_TITLES = words("title ctrTitle")
_UNREAD_PLACEHOLDERS = words("sldNum sldImg")
_MARGINS = words("dt ftr hdr")
_MEDIA = {"videoFile": "video", "audioFile": "recording", "wavAudioFile": "recording", "audioCd": "recording"}
_OFF = ("0", "false")


def load(data: bytes, name: str) -> Document:
    """Load a presentation. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
    package = OpcPackage.opened(data, name)
    reading, unread = ReadingText(title=package.title()), UnreadParts()
    main, hidden, margins = package.main_part(), 0, set[str]()
    relations = package.relations(main)
    try:
        for position, slide in enumerate(_slide_ids(package.xml(main)), 1):
            if slide in relations:
                part = relations[slide].part
                shown = package.xml(part)
                is_hidden = attribute(shown, "show") in _OFF
                hidden += is_hidden
                reading.section("slide", f"{position} (hidden)" if is_hidden else str(position))
                _Writer(package, reading, unread, package.relations(part), margins).slide(shown)
    except RecursionError as error:
        raise DamagedFile(
            f"the shapes of {name} are nested too deeply", hint="save it as text in its program and add that file"
        ) from error
    unread.tell(reading)
    if hidden:
        reading.note(f"{count(hidden, 'hidden slide')} {'was' if hidden == 1 else 'were'} read, too")
    return reading.document(name)


def _slide_ids(presentation: Element) -> Iterator[str]:
    """The relations of the slides, in the order in which they are shown."""
    for slide in children_of(presentation, "sldIdLst"):
        ids = [value for key, value in slide.attrib.items() if local(key) == "id" and key != "id"]
        yield ids[0] if ids else ""


@dataclass(slots=True)
class _Writer:
    """Writes the shapes of a slide in the order in which they are read, the title first."""

    package: OpcPackage
    reading: ReadingText
    unread: UnreadParts
    relations: dict[str, Relation]
    margins: set[str]
    """Footers that were read already: most slides repeat them."""

    def slide(self, slide: Element) -> None:
        """The shapes of a slide, then its notes."""
        shapes = in_reading_order(child(slide, "cSld", "spTree"), self._layout())
        for shape in sorted(shapes, key=lambda shape: placeholder(shape) not in _TITLES):  # stable
            self._shape(shape)
        for shape in shapes:
            if placeholder(shape) in _MARGINS and not _is_hidden(shape):
                self._margin(shape)
        for relation in self.relations.values():
            if relation.kind == "notesSlide" and self.package.has(relation.part):
                self._notes(self.package.xml(relation.part))
            elif relation.kind == "comments" and self.package.has(relation.part):
                self._comments(self.package.xml(relation.part))

    def _layout(self) -> Element | None:
        """The shapes of the layout that the slide was made from."""
        for relation in self.relations.values():
            if relation.kind == "slideLayout" and self.package.has(relation.part):
                return child(self.package.xml(relation.part), "cSld", "spTree")
        return None

    def _shape(self, shape: Element) -> None:
        kind = placeholder(shape)
        if kind in _UNREAD_PLACEHOLDERS or kind in _MARGINS:
            return
        if _is_hidden(shape):
            if any((text.text or "").strip() for text in all_of(shape, "t")):
                self.unread.left_out("hidden text")
        elif local(shape.tag) == "pic":
            self._media(shape)
        elif local(shape.tag) == "graphicFrame":
            self._frame(shape)
        elif kind in _TITLES:
            self.reading.heading(" ".join(line(paragraph, self.unread) for paragraph in all_of(shape, "p")))
        elif (body := child(shape, "txBody")) is not None:
            self._paragraphs(body, is_list=kind in ("body", "obj"))

    def _margin(self, shape: Element) -> None:
        """What somebody wrote into a footer; a date that is always today's says nothing."""
        if (body := child(shape, "txBody")) is not None and next(all_of(body, "fld"), None) is None:
            text = " ".join(in_one_line(paragraph.text) for paragraph in paragraphs(body, self.unread))
            if text and text not in self.margins:
                self.margins.add(text)
                self.reading.paragraph(f"Footer: {text}")

    def _frame(self, frame: Element) -> None:
        """A table, chart, diagram or embedded object in its frame."""
        content = child(frame, "graphic", "graphicData")
        for inner in content if content is not None else ():
            tag = local(inner.tag)
            if tag == "tbl":
                self._table(inner)
            elif tag == "chart":
                self._graphic("chart", attribute(inner, "id"))
            elif tag == "relIds":
                self._graphic("diagram", attribute(inner, "dm"))
            elif (held := next(all_of(inner, "oleObj"), None)) is not None:
                is_equation = (attribute(held, "progId") or "").lower().startswith("equation")
                self.unread.add("equation" if is_equation else "embedded object")

    def _table(self, table: Element) -> None:
        properties = child(table, "tblPr")
        has_header = properties is not None and is_true(attribute(properties, "firstRow"))
        rows = ([cell for cell in row if local(cell.tag) == "tc"] for row in table if local(row.tag) == "tr")
        grid = spread([self._cell(cell) for cell in row if not _is_covered(cell)] for row in rows)
        write_table(self.reading, grid, header_rows=None if has_header else 0)

    def _cell(self, cell: Element) -> Merged:
        text = " ".join(_marked(paragraph.marker, paragraph.text) for paragraph in paragraphs(cell, self.unread))
        columns, rows = (whole_number(attribute(cell, name), 1) for name in ("gridSpan", "rowSpan"))
        return Merged(text, columns=columns, rows=rows)

    def _graphic(self, kind: Graphic, relation: str | None) -> None:
        part = self.relations[relation].part if relation in self.relations else ""
        write_graphic(self.reading, kind, self.package, part=part, unread=self.unread)

    def _media(self, picture: Element) -> None:
        for element in picture.iter():
            if (medium := _MEDIA.get(local(element.tag))) is not None:
                self.unread.add(medium)
                return

    def _paragraphs(self, body: Element, *, is_list: bool) -> None:
        """Placeholders hold lists, unless they hold one paragraph; free boxes hold text, unless it has bullets."""
        found = list(paragraphs(body, self.unread))
        items: list[str] = []
        for paragraph in found:
            marker = paragraph.marker
            if marker is None and is_list and len(found) > 1:
                marker = "-"
            if marker:
                items.append(f"{'  ' * paragraph.depth}{marker} {in_one_line(paragraph.text)}")
            else:
                self.reading.items(items)
                self.reading.paragraph(paragraph.text)
                items = []
        self.reading.items(items)

    def _comments(self, comments: Element) -> None:
        """Comments and the answers to them; old ones hold words, new ones paragraphs."""
        for part in comments.iter():
            if local(part.tag) == "text" and part.text:
                self.reading.paragraph(f"Comment: {part.text}")
            elif local(part.tag) == "txBody":
                lines = [paragraph.text for paragraph in paragraphs(part, self.unread)]
                self.reading.paragraph("\n".join(["Comment: " + lines[0], *lines[1:]]) if lines else "")

    def _notes(self, notes: Element) -> None:
        for shape in in_reading_order(child(notes, "cSld", "spTree"), None):
            if placeholder(shape) == "body" and (body := child(shape, "txBody")) is not None:
                for n, paragraph in enumerate(paragraphs(body, self.unread)):
                    text = _marked(paragraph.marker, paragraph.text)
                    self.reading.paragraph(text if n else f"Notes: {text}")


def _is_hidden(shape: Element) -> bool:
    return any((named := child(part, "cNvPr")) is not None and is_true(attribute(named, "hidden")) for part in shape)


def _is_covered(cell: Element) -> bool:
    """Whether a merged cell to the left of this one, or above it, covers it."""
    return is_true(attribute(cell, "hMerge")) or is_true(attribute(cell, "vMerge"))


def _marked(marker: str | None, text: str) -> str:
    return f"{marker} {text}" if marker else text
