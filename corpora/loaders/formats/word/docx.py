"""Word documents (docx) to reading text: headings, lists as they are numbered, tables, charts; page headers once.

The XML is read as a stream, so that a long document costs no more memory than its text. What a paragraph or a run is,
its style says (``docx_styles``); what stands in a line ``docx_runs`` reads. Notes and comments follow their paragraph.
Tracked insertions are read; deletions, struck-out and hidden text are left out, and embedded objects are not read: both
is said in the notes of the document.

Pages are told only where Word recorded them: a page break that somebody typed does not say how many pages lie before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.etree.ElementTree import Element

from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.interfaces import Loader
from corpora.loaders.formats import txt
from corpora.loaders.formats.markup import html
from corpora.loaders.formats.office.graphics import write_graphic
from corpora.loaders.formats.office.inserted_files import insert_file
from corpora.loaders.formats.office.unread_parts import UnreadParts
from corpora.loaders.formats.opc_package import (
    OpcPackage,
    all_of,
    attribute,
    child,
    children_of,
    chosen_alternative,
    local,
    whole_number,
)
from corpora.loaders.formats.raised_text import Piece, on_one_line
from corpora.loaders.formats.tables.rows import write_table
from corpora.loaders.formats.word.docx_numbering import Marker, Numbering
from corpora.loaders.formats.word.docx_runs import PAGE_NUMBER, UNREAD, Aside, Runs, checkbox
from corpora.loaders.formats.word.docx_styles import Style, Styles, outline_level, switch, value
from corpora.loaders.formats.word.docx_tables import blocks_of, cells_of, grid, has_deleted, is_layout, rows_of
from corpora.text.reading_text import PAGE_BREAK, ReadingText, ended_block

_DEEPEST_LIST = 8
_DEEPEST_INSERTION = 2
_EDGES = f" \n\t{PAGE_BREAK}"
_SECTION = re.compile(rb"<(?:\w+:)?sectPr\b[^>]*(?<!/)>.*?</(?:\w+:)?sectPr>", re.DOTALL)
_MARGIN_TEXT = re.compile(rb"<(?:\w+:)?(header|footer)Reference\b([^>]*)>")
_ATTRIBUTE = re.compile(rb"(type|id)\s*=\s*[\"']([^\"']*)[\"']")
_COLUMN = re.compile(r"\t| [|•·–—-] ")
_FEWEST_WORDS = 3
_NOTE_NAMES = MappingProxyType({"footnote": "Note", "endnote": "Note", "comment": "Comment"})


def load(data: bytes, name: str) -> Document:
    """Load a Word document. Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``."""
    return _load(data, name, depth=0)


def _load(data: bytes, name: str, *, depth: int) -> Document:
    """``depth`` is how many documents this one is inserted in."""
    package = OpcPackage.opened(data, name)
    main = package.main_part()
    reading = ReadingText(title=package.title(), paged=_tells_pages(package, main))
    writer = _Writer.of(package, main, reading, depth)
    try:
        writer.margins()
        for block in package.children(main, "body"):
            writer.block(block)
        writer.finish()
    except RecursionError as error:
        raise DamagedFile(
            f"the parts of {name} are nested too deeply", hint="save it as text in its program and add that file"
        ) from error
    return reading.document(name)


def _tells_pages(package: OpcPackage, main: str) -> bool:
    """Whether Word recorded where all pages of the document end."""
    recorded = package.bytes_of(main).count(b"lastRenderedPageBreak")
    for relation in package.relations("").values():
        if relation.kind == "extended-properties" and package.has(relation.part):
            pages = child(package.xml(relation.part), "Pages")
            if pages is not None and whole_number(pages.text, 0) > recorded + 1:
                return False
    return recorded > 0


@dataclass(slots=True)
class _Writer:
    """Writes blocks in order; the items of a list are collected until another block comes."""

    package: OpcPackage
    main: str
    reading: ReadingText
    styles: Styles
    numbering: Numbering
    runs: Runs
    unread: UnreadParts
    notes: dict[str, dict[str, Element]]
    parts: dict[str, str]
    """Parts that the document refers to, by relation."""
    depth: int
    items: list[str] = field(default_factory=list)
    carried: list[Piece] = field(default_factory=list)
    """The text of a paragraph that goes on in the next one."""

    @classmethod
    def of(cls, package: OpcPackage, main: str, reading: ReadingText, depth: int) -> _Writer:
        relations = package.relations(main)
        parts = {relation.kind: relation.part for relation in relations.values()}

        def optional(kind: str) -> Element | None:
            return package.xml(parts[kind]) if kind in parts and package.has(parts[kind]) else None

        styles, unread = Styles.read(optional("styles")), UnreadParts()
        return cls(
            package,
            main,
            reading,
            styles,
            Numbering.read(optional("numbering"), styles),
            Runs(styles, unread, is_paged=reading.paged),
            unread,
            notes={kind: _notes(optional(f"{kind}s")) for kind in _NOTE_NAMES},
            parts={name: relation.part for name, relation in relations.items()},
            depth=depth,
        )

    def block(self, element: Element) -> None:
        """A paragraph, a table, a file inserted here, or what wraps several of them."""
        tag = local(element.tag)
        if tag == "p":
            self._paragraph(element)
        elif tag == "tbl":
            self._end_paragraph()
            self.flush()
            self._table(element)
        elif tag == "altChunk":
            self._end_paragraph()
            self.flush()
            self._insert(self.parts.get(attribute(element, "id") or "", ""))
        elif tag == "AlternateContent":
            for inner in () if (chosen := chosen_alternative(element)) is None else chosen:
                self.block(inner)
        elif tag not in UNREAD:
            if tag == "sdt" and (box := checkbox(element)) is not None:
                _tick(element, box)
            for inner in element:
                self.block(inner)

    def flush(self) -> None:
        """End the list, if there is one."""
        if self.items:
            self.reading.items(self.items)
            self.items = []
            self._asides()

    def finish(self) -> None:
        """End the document: nothing is carried on any more, and what was not read is noted."""
        self._end_paragraph()
        self.flush()
        self.unread.tell(self.reading)

    def margins(self) -> None:
        """The headers and footers that are shown on some page, each once, without page numbers."""
        self.runs.marks_page_numbers = True
        for kind, part in self._margin_parts():
            lines = [line for one in all_of(self.package.xml(part), "p") if (line := self._margin_line(one))]
            self.runs.asides.clear()  # boxes in a header are watermarks and ornaments, or paragraphs found above
            if lines:
                self.reading.paragraph(f"{kind.capitalize()}: " + "\n".join(dict.fromkeys(lines)))
        self.runs.marks_page_numbers = False

    def _margin_parts(self) -> Iterator[tuple[str, str]]:
        settings = next((part for part in self.parts.values() if part.endswith("settings.xml")), "")
        has_even = self.package.has(settings) and b"evenAndOddHeaders" in self.package.bytes_of(settings)
        seen: set[str] = set()
        for section in _SECTION.findall(self.package.bytes_of(self.main)):
            for kind, attributes in _MARGIN_TEXT.findall(section):
                given = {key: text.decode("utf-8", "replace") for key, text in _ATTRIBUTE.findall(attributes)}
                is_shown = {"first": b"titlePg" in section, "even": has_even}.get(given.get(b"type", ""), True)
                part = self.parts.get(given.get(b"id", ""), "")
                if is_shown and part not in seen and self.package.has(part):
                    seen.add(part)
                    yield kind.decode(), part

    def _margin_line(self, paragraph: Element) -> str:
        """The line of a paragraph in the margin, without the columns of it that are page numbers."""
        line = on_one_line(self.runs.pieces(paragraph, self.styles.of(child(paragraph, "pPr")))).strip(_EDGES)
        if PAGE_NUMBER not in line:
            return line
        columns = (column.strip(_EDGES) for column in _COLUMN.split(line))
        return "\t".join(column.replace(PAGE_NUMBER, "") for column in columns if not _is_page_number(column))

    def _paragraph(self, paragraph: Element) -> None:
        properties = child(paragraph, "pPr")
        style = self.styles.of(properties)
        pieces = list(self.runs.pieces(paragraph, style))
        if _goes_on(properties):
            self.carried += pieces
            return
        pieces, self.carried = [*self.carried, *pieces], []
        own_level = outline_level(properties)
        level = style.level if own_level is None else own_level or None
        marker, depth = self._marker(properties, style)
        self._write(on_one_line(pieces), style, level, marker, depth)

    def _end_paragraph(self) -> None:
        """Write what was to go on in a paragraph that does not come."""
        pieces, self.carried = self.carried, []
        if pieces:
            self._write(on_one_line(pieces), Style(), None, None, 0)

    def _write(self, text: str, style: Style, level: int | None, marker: Marker | None, depth: int) -> None:
        if style.is_contents:
            text = PAGE_BREAK * text.count(PAGE_BREAK)
        has_words = bool(text.strip(_EDGES))
        if level is not None and has_words:
            self.flush()
            if style.is_title:
                self.reading.title = None  # the one that readers see
            self.reading.heading(_marked(text, marker if marker and not marker.is_bullet else None), level=level)
        elif marker and has_words:
            self.items.append(_item(text, marker, depth))
        elif text.strip(" \n\t"):
            self.flush()
            self.reading.paragraph(text)
        if not self.items:
            self._asides()

    def _marker(self, properties: Element | None, style: Style) -> tuple[Marker | None, int]:
        """The marker of a numbered paragraph and its depth; none for other paragraphs."""
        own = child(properties, "numPr")
        numbering = value(child(own, "numId")) or style.numbering
        if numbering in (None, "", "0"):
            return None, 0
        linked = self.numbering.level_of(numbering, style.numbered_by)
        depth = whole_number(value(child(own, "ilvl")), style.depth if linked is None else linked)
        return self.numbering.marker(numbering, depth), depth

    def _asides(self) -> None:
        """Boxes, notes, charts and diagrams follow the block that they belong to."""
        while self.runs.asides:
            asides, self.runs.asides = self.runs.asides, []
            for aside in sorted(asides, key=lambda aside: aside.kind in _NOTE_NAMES):  # stable
                self._aside(aside)

    def _aside(self, aside: Aside) -> None:
        if aside.element is not None:
            for block in aside.element:
                self.block(block)
            self._end_paragraph()
            self.flush()
        elif aside.kind == "art":
            self.reading.paragraph(aside.name)
        elif aside.kind in ("chart", "diagram"):
            part = self.parts.get(aside.name, "")
            write_graphic(self.reading, aside.kind, self.package, part=part, unread=self.unread)
        elif (note := self.notes[aside.kind].pop(aside.name, None)) is not None:  # each is shown once
            text = on_one_line(self.runs.pieces(note, self.styles.default)).replace(PAGE_BREAK, " ").strip()
            if text:
                self.reading.paragraph(f"{_NOTE_NAMES[aside.kind]}: {text}")

    def _insert(self, part: str) -> None:
        def word(data: bytes, name: str) -> Document:
            return _load(data, name, depth=self.depth + 1)

        pages: dict[str, Loader] = dict.fromkeys((".html", ".htm", ".xhtml"), html.load)
        loaders = {**pages, ".txt": txt.load}
        if self.depth < _DEEPEST_INSERTION:
            loaders |= {".docx": word, ".docm": word}
        if not (self.package.has(part) and insert_file(self.reading, self.package.bytes_of(part), part, loaders)):
            self.unread.add("inserted file")

    def _table(self, table: Element) -> None:
        if has_deleted(table):
            self.unread.left_out("text deleted by tracked changes")
        if is_layout(table):
            for row in rows_of(table):
                for cell in cells_of(row):
                    for block in blocks_of(cell):
                        self.block(block)
                    self._end_paragraph()
                    self.flush()
            return
        found = grid(table, self._cell)
        write_table(self.reading, found.rows, header_rows=found.header_rows)
        self._asides()

    def _cell(self, cell: Element) -> str:
        """The paragraphs of a cell in one text, each with its number; a number may be all that a cell shows."""
        texts = []
        for block in blocks_of(cell):
            properties = child(block, "pPr")
            style = self.styles.of(properties)
            text = on_one_line(self.runs.pieces(block, style))
            marker, _ = self._marker(properties, style)
            if marker is not None and not (marker.is_bullet and not text.strip(_EDGES)):
                text = _marked(text, marker)
            texts.append(text)
        return _blocks_on_one_line(texts)


def _blocks_on_one_line(texts: Sequence[str]) -> str:
    """Paragraphs one after the other, set off from each other; page breaks stay where they are."""
    shown = [n for n, text in enumerate(texts) if text.strip(_EDGES)]
    ended = (ended_block(text.rstrip(" \n\t")) if n in shown[:-1] else text for n, text in enumerate(texts))
    return " ".join(ended)


def _notes(root: Element | None) -> dict[str, Element]:
    """Notes by their number."""
    return {attribute(note, "id") or "": note for note in children_of(root)}


def _goes_on(properties: Element | None) -> bool:
    """Whether a paragraph and the next are one: its end was deleted or is hidden, or it is a drop cap."""
    if properties is None or not len(properties):
        return False
    mark = child(properties, "rPr")
    if child(mark, "del") is not None or child(mark, "moveFrom") is not None:
        return True
    frame = child(properties, "framePr")
    is_drop_cap = frame is not None and attribute(frame, "dropCap") in ("drop", "margin")
    return is_drop_cap or bool(switch(child(mark, "vanish")) and switch(child(mark, "specVanish")))


def _is_page_number(column: str) -> bool:
    """Whether a column of a footer says little else than the number of its page."""
    return not column or (PAGE_NUMBER in column and len(re.findall(r"[^\W\d_]+", column)) < _FEWEST_WORDS)


def _tick(control: Element, box: str) -> None:
    """Let a control around whole paragraphs show its box as one inside a line does."""
    for text in all_of(control, "t"):
        if text.text and len(text.text) == 1:
            text.text = box


def _marked(text: str, marker: Marker | None) -> str:
    """A text behind its marker, which begins on the page on which the text begins."""
    if marker is None:
        return text
    breaks = text[: len(text) - len(text.lstrip(_EDGES))].count(PAGE_BREAK)
    return f"{PAGE_BREAK * breaks}{marker.text}{marker.between}{text.lstrip(_EDGES)}"


def _item(text: str, marker: Marker, depth: int) -> str:
    """The line of an item; a page that begins with it begins with its line."""
    words = text.strip(_EDGES).replace("\n", " ").replace("\t", " ")
    begins = PAGE_BREAK if text.lstrip(" \n\t").startswith(PAGE_BREAK) else ""
    return f"{begins}{'  ' * min(depth, _DEEPEST_LIST)}{marker.text}{marker.between}{words}"
