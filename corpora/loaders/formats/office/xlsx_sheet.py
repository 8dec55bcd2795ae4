"""One sheet of a workbook, row by row: texts as they are shown, merged cells in each row that they cover, comments.

openpyxl reads either the stored values or the merged cells, never which formulas have no value, and holds a sheet of
50,000 rows in memory for that; so a sheet's part is read here, a row at a time.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from xml.etree.ElementTree import Element

from corpora.loaders.formats.office.number_formats import BUILT_IN, GENERAL, NumberFormat
from corpora.loaders.formats.office.xlsx_text import CellText, cell_text, is_struck, unescaped
from corpora.loaders.formats.opc_package import OpcPackage, child, children_of, is_true, local, whole_number
from corpora.loaders.formats.tables.rows import LONGEST_LABEL, Cell, Row

_PLACE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_MOST_COLUMNS = 16_384
_MOST_MERGED = 100_000
_GENERAL = NumberFormat.of(GENERAL)


@dataclass(frozen=True, slots=True)
class Style:
    """How the values of a cell are shown; whether it is set off as headers are (bold, filled), and struck out."""

    number_format: NumberFormat = _GENERAL
    is_set_off: bool = False
    is_struck: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """What the sheets of a workbook share."""

    package: OpcPackage
    strings: Sequence[CellText]
    styles: Sequence[Style]
    since_1904: bool = False

    def style(self, number: str | None) -> Style:
        at = int(number) if number and number.isdecimal() and len(number) < 7 else 0
        return self.styles[at] if at < len(self.styles) else Style()


@dataclass(frozen=True, slots=True)
class Area:
    """Cells from the upper left to the lower right one, both included; rows count from 1, columns from 0."""

    top: int
    left: int
    bottom: int
    right: int

    @classmethod
    def of(cls, reference: str) -> Area | None:
        """The area of ``A1:B3`` or ``A1``; None if it is none."""
        corners = [_PLACE.fullmatch(corner) for corner in reference.split(":")[:2]]
        first, last = corners[0], corners[-1]
        if first is None or last is None:
            return None
        rows, columns = sorted((int(first[2]), int(last[2]))), sorted((_column(first[1]), _column(last[1])))
        return cls(rows[0], columns[0], rows[1], columns[1])


@dataclass(slots=True)
class Sheet:
    """A sheet to be read: ``rows`` once, and then what it counted."""

    book: Book
    part: str
    formulas_without_value: int = 0
    hidden_rows: int = 0
    hidden_columns: int = 0
    has_struck: bool = False
    _merged: dict[int, list[Area]] = field(default_factory=dict)
    _header_rows: set[int] = field(default_factory=set)
    _comments: Mapping[tuple[int, int], str] = field(default_factory=dict)
    _frozen_rows: int = 0

    def rows(self) -> Iterator[Row]:
        """The rows with their cells as shown. Raises ``DamagedFile``."""
        self._read_frame()
        self._comments = _comments(self.book.package, self.part)
        covering: list[tuple[Area, str]] = []
        number = 0
        for element in self.book.package.children(self.part, "sheetData"):
            if local(element.tag) != "row":
                continue
            number = _row_number(element.get("r", ""), number + 1)
            self.hidden_rows += is_true(element.get("hidden")) and len(element) > 0
            cells, is_set_off = self._cells(element, number)
            covering = [(area, text) for area, text in covering if area.bottom >= number]
            for area in self._merged.get(number, ()):
                covering.append((area, cells[area.left] or "" if area.left < len(cells) else ""))
            if covering:
                _cover(cells, number, covering)
            is_header = number in self._header_rows
            yield Row(number, cells, is_header=is_header, is_bold=is_set_off or number <= self._frozen_rows)

    def _read_frame(self) -> None:
        """What stands around the rows: merged cells, tables, hidden columns, the frozen part."""
        package = self.book.package
        source = package.bytes_of(self.part)
        if b"mergeCell" in source:
            areas = (Area.of(element.get("ref", "")) for element in package.children(self.part, "mergeCells"))
            merged: defaultdict[int, list[Area]] = defaultdict(list)
            for _, area in zip(range(_MOST_MERGED), filter(None, areas), strict=False):
                merged[area.top].append(area)
            self._merged = dict(merged)
        for element in package.children(self.part, "cols") if b"hidden=" in source else ():
            if is_true(element.get("hidden")):
                first = whole_number(element.get("min"), 1)
                self.hidden_columns += max(whole_number(element.get("max"), first) + 1 - first, 1)
        if b'state="frozen"' in source:
            for view in package.children(self.part, "sheetViews"):
                pane = child(view, "pane")
                self._frozen_rows = whole_number(None if pane is None else pane.get("ySplit"), 0)
        for relation in package.relations(self.part).values():
            if relation.kind == "table" and package.has(relation.part):
                table = package.xml(relation.part)
                place = Area.of(table.get("ref", ""))
                if place is not None and table.get("headerRowCount", "1") != "0":
                    self._header_rows.add(place.top)

    def _cells(self, row: Element, number: int) -> tuple[list[Cell], bool]:
        """The texts of a row, and whether all of its cells are set off."""
        cells: list[Cell] = []
        set_off = filled = 0
        for element in row:
            if local(element.tag) != "c":
                continue
            column = _column(letters) if (letters := element.get("r", "").rstrip("0123456789")) else len(cells)
            if column >= _MOST_COLUMNS:
                continue
            style = self.book.style(element.get("s"))
            text = self._shown(element, style)
            if comment := self._comments.get((number, column)) if self._comments else None:
                text = f"{text} (comment: {comment})" if text else f"(comment: {comment})"
            if text:
                cells.extend([""] * (column + 1 - len(cells)))
                cells[column] = text
                filled += 1
                set_off += style.is_set_off
        return cells, 0 < filled == set_off

    def _shown(self, cell: Element, style: Style) -> str:
        value, formula, rich = "", False, None
        kind = cell.get("t", "n")
        for inner in cell:
            name = inner.tag.rpartition("}")[2]
            if name == "v":
                value = inner.text or ""
            elif name == "f":
                formula = True
            elif name == "is":
                rich = cell_text(inner)
        if formula and not value and kind != "str":
            self.formulas_without_value += 1
        if kind == "s":
            at = int(value) if value.isdecimal() and len(value) < 10 else -1
            rich = self.book.strings[at] if 0 <= at < len(self.book.strings) else CellText("")
        if rich is not None:
            value, is_shorter = rich.shown(in_struck_cell=style.is_struck)
            self.has_struck |= is_shorter
        elif value and style.is_struck:
            self.has_struck, value = True, ""
        return self._formatted(value, kind, style.number_format) if value else ""

    def _formatted(self, value: str, kind: str, number_format: NumberFormat) -> str:
        if kind == "n":
            return self._number(value, number_format)
        if kind == "b":
            return "yes" if value.strip() in ("1", "true") else "no"
        if kind == "d":
            return value.removesuffix("T00:00:00").replace("T", " ")
        if kind == "str":
            value = unescaped(value)
        return value if kind == "e" or number_format.is_general else number_format.text(value)

    def _number(self, text: str, number_format: NumberFormat) -> str:
        if number_format.is_general and text.isdecimal() and len(text) < 16:
            return text
        try:
            value = float(text)
        except ValueError:
            return text
        return number_format.number(value, since_1904=self.book.since_1904) if math.isfinite(value) else text


def read_strings(package: OpcPackage, part: str) -> list[CellText]:
    """The texts that all sheets share."""
    return [cell_text(element) for element in package.children(part, "sst") if local(element.tag) == "si"]


def read_styles(package: OpcPackage, part: str) -> list[Style]:
    """The styles of cells, in their order."""
    root = package.xml(part)
    codes = dict(BUILT_IN)
    for element in children_of(root, "numFmts"):
        number = whole_number(element.get("numFmtId"), -1)
        codes[number] = element.get("formatCode", "")
    fonts = list(children_of(root, "fonts"))
    bold, struck = [child(font, "b") is not None for font in fonts], [is_struck(font) for font in fonts]
    fills = [child(fill, "patternFill") for fill in children_of(root, "fills")]
    coloured = [fill is not None and fill.get("patternType") == "solid" for fill in fills]

    def style(element: Element) -> Style:
        font, fill = whole_number(element.get("fontId"), 0), whole_number(element.get("fillId"), 0)
        is_bold = font < len(bold) and bold[font]
        is_coloured = fill < len(coloured) and coloured[fill]
        code = codes.get(whole_number(element.get("numFmtId"), 0), GENERAL)
        return Style(NumberFormat.of(code), is_bold or is_coloured, font < len(struck) and struck[font])

    return [style(element) for element in children_of(root, "cellXfs")]


def _cover(cells: list[Cell], number: int, covering: Sequence[tuple[Area, str]]) -> None:
    """Write each merged cell into this row: its text in its first column, None in the others."""
    for area, text in covering:
        right = min(area.right, _MOST_COLUMNS - 1)
        if number > area.top and len(text) > LONGEST_LABEL:
            text = ""
        if not text and area.left >= len(cells):
            continue
        cells.extend([""] * (min(right, area.left) + 1 - len(cells)))
        cells[area.left] = text
        end = min(right + 1, max(len(cells), area.left + 1)) if not text else right + 1
        cells.extend([None] * (end - len(cells)))
        for column in range(area.left + 1, end):
            cells[column] = None


def _comments(package: OpcPackage, part: str) -> dict[tuple[int, int], str]:
    """What people wrote beside cells, by row and column; a conversation instead of what old programs show for it."""
    found: dict[tuple[int, int], str] = {}
    threads: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
    for relation in package.relations(part).values():
        if relation.kind == "comments" and package.has(relation.part):
            for comment in children_of(package.xml(relation.part), "commentList"):
                _note(found, comment, cell_text(text).text if (text := child(comment, "text")) is not None else "")
        elif relation.kind == "threadedComment" and package.has(relation.part):
            for comment in package.xml(relation.part):
                area = Area.of(comment.get("ref", ""))
                text = child(comment, "text")
                if area is not None and text is not None and text.text:
                    threads[area.top, area.left].append(text.text.strip())
    return found | {place: " / ".join(texts) for place, texts in threads.items()}


def _note(found: dict[tuple[int, int], str], comment: Element, text: str) -> None:
    area = Area.of(comment.get("ref", ""))
    if area is not None and text.strip():
        found[area.top, area.left] = " ".join(text.split())


def _row_number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and 0 < len(text) < 8 else default


@lru_cache(maxsize=_MOST_COLUMNS)
def _column(letters: str) -> int:
    """The column of ``A``, ``AB``, counted from 0; one that no sheet has if these are no letters of a column."""
    if not (len(letters) < 4 and letters.isascii() and letters.isalpha()):
        return _MOST_COLUMNS
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1
