"""Spreadsheets (xlsx) to reading text: values as the sheet shows them, a mark a sheet and a row, columns by name.

Stored values of formulas, comments behind their cell, the words of shapes and charts below the rows of their sheet.
What is hidden, a reader can make visible: it is read, and said. What is struck out is left out, embedded objects and
the state of form controls are not read: that is said, too. Links' targets and pictures are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.etree.ElementTree import Element

from corpora.counts import count
from corpora.documents import Document
from corpora.errors import DamagedFile, EmptyFile
from corpora.loaders.formats.office.charts import series_names
from corpora.loaders.formats.office.unread_parts import UnreadParts
from corpora.loaders.formats.office.xlsx_sheet import Book, Sheet, read_strings, read_styles
from corpora.loaders.formats.opc_package import (
    OpcPackage,
    Relation,
    all_of,
    attribute,
    child,
    children_of,
    is_true,
    local,
)
from corpora.loaders.formats.tables.rows import write_rows
from corpora.text.reading_text import ReadingText

_SHEETS = frozenset(("worksheet", "chartsheet", "dialogsheet"))
_DRAWN = frozenset(("drawing", "chart", "chartEx", "diagramData"))
_UNREAD = MappingProxyType(
    dict.fromkeys(("oleObject", "package"), "embedded object") | dict.fromkeys(("control", "ctrlProp"), "form control")
)


def load(data: bytes, name: str) -> Document:
    """Load a workbook, hidden sheets, too.

    Raises ``EncryptedFile``, ``DamagedFile``, ``HostileArchive``, ``EmptyFile``.
    """
    package = OpcPackage.opened(data, name)
    reading = ReadingText(title=package.title())
    main = package.main_part()
    workbook, relations = package.xml(main), package.relations(main)
    if local(workbook.tag) != "workbook":
        raise DamagedFile(f"{name} is no spreadsheet", hint="give it the suffix of its real format and add it again")
    loader = _Loader(reading, _book(package, workbook, relations))
    sheets = list(_sheets(workbook, relations, package))
    for sheet in sheets:
        loader.read(sheet, is_named=len(sheets) > 1)
    if not any(mark.kind == "row" for mark in reading.marks) and not loader.has_drawn_text:
        raise EmptyFile(
            f"the sheets of {name} hold no values",
            hint="if there are formulas in it, open it in a spreadsheet program and save it, so that it holds results",
        )
    loader.say()
    return reading.document(name)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A sheet as the workbook lists it."""

    title: str
    relation: Relation
    is_hidden: bool


def _book(package: OpcPackage, workbook: Element, relations: dict[str, Relation]) -> Book:
    parts = {relation.kind: relation.part for relation in relations.values() if package.has(relation.part)}
    strings = read_strings(package, parts["sharedStrings"]) if "sharedStrings" in parts else []
    styles = read_styles(package, parts["styles"]) if "styles" in parts else []
    properties = child(workbook, "workbookPr")
    since_1904 = properties is not None and is_true(properties.get("date1904"))
    return Book(package, strings, styles, since_1904)


def _sheets(workbook: Element, relations: dict[str, Relation], package: OpcPackage) -> Iterator[_Listed]:
    for number, element in enumerate(children_of(workbook, "sheets"), 1):
        relation = relations.get(attribute(element, "id") or "")
        if relation is not None and relation.kind in _SHEETS and package.has(relation.part):
            title = element.get("name") or f"Sheet {number}"
            yield _Listed(title, relation, element.get("state", "visible") != "visible")


@dataclass(slots=True)
class _Loader:
    """Writes sheet by sheet, and counts what is to be said of all of them."""

    reading: ReadingText
    book: Book
    has_drawn_text: bool = False
    _formulas: int = 0
    _unread: UnreadParts = field(default_factory=UnreadParts)
    _hidden: dict[str, int] = field(default_factory=dict)

    def read(self, listed: _Listed, *, is_named: bool) -> None:
        self.reading.section("sheet", listed.title)
        if is_named:
            self.reading.paragraph(listed.title)  # Often only the sheet's name says what its rows are about.
        if listed.relation.kind == "worksheet":
            sheet = Sheet(self.book, listed.relation.part)
            write_rows(self.reading, sheet.rows())
            self._formulas += sheet.formulas_without_value
            if sheet.has_struck:
                self._unread.left_out("struck-out text")
            for relation in self.book.package.relations(listed.relation.part).values():
                if part := _UNREAD.get(relation.kind):
                    self._unread.add(part)
            self._count("row", sheet.hidden_rows)
            self._count("column", sheet.hidden_columns)
        self._count("sheet", int(listed.is_hidden))
        for text in _drawn_texts(self.book.package, listed.relation.part):
            self.has_drawn_text = True
            self.reading.paragraph(text)

    def say(self) -> None:
        """Note what has no value, what was left out, and what is hidden."""
        if self._formulas:
            have, were = ("has", "was") if self._formulas == 1 else ("have", "were")
            self.reading.note(f"{count(self._formulas, 'formula')} {have} no stored value and {were} not read")
        self._unread.tell(self.reading)
        if self._hidden:
            hidden = _listed([count(number, f"hidden {kind}") for kind, number in self._hidden.items()])
            self.reading.note(f"{hidden} {'was' if sum(self._hidden.values()) == 1 else 'were'} read, too")

    def _count(self, kind: str, number: int) -> None:
        if number:
            self._hidden[kind] = self._hidden.get(kind, 0) + number


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _drawn_texts(package: OpcPackage, part: str, depth: int = 0) -> Iterator[str]:
    """The texts of shapes and diagrams on a sheet, and of the titles, axes and series of charts, one by one."""
    for relation in package.relations(part).values():
        if relation.kind in _DRAWN and package.has(relation.part):
            root = package.xml(relation.part)
            texts = ("".join(run.text or "" for run in all_of(one, "t")) for one in all_of(root, "p"))
            yield from dict.fromkeys(text for text in texts if text.strip())  # Shapes are there twice for old programs.
            if names := series_names(root):
                yield f"Series: {', '.join(names)}"
            if depth == 0:
                yield from _drawn_texts(package, relation.part, depth + 1)
