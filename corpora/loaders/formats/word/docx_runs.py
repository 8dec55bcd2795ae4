"""What stands inside the paragraphs of a Word document: runs of text, fields, equations, symbols, form fields.

Text that is struck out, hidden or deleted is left out. Notes, comments, boxes, charts and diagrams, which hang on a
paragraph and are written after it, are collected as ``Aside``. Knows no paragraphs: gives the pieces of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias
from xml.etree.ElementTree import Element

from corpora.loaders.formats import symbol_fonts
from corpora.loaders.formats.office import omml
from corpora.loaders.formats.office.unread_parts import UnreadParts
from corpora.loaders.formats.opc_package import (
    all_of,
    attribute,
    child,
    children_of,
    chosen_alternative,
    local,
    whole_number,
)
from corpora.loaders.formats.raised_text import Piece, Position
from corpora.loaders.formats.word.docx_fields import shown_by_instruction
from corpora.loaders.formats.word.docx_styles import RunLook, Style, Styles, switch, value
from corpora.text.reading_text import PAGE_BREAK, reading_behind, words

UNREAD = words(
    "pPr rPr tblPr tblGrid tblPrEx trPr tcPr sectPr sdtPr sdtEndPr del moveFrom instrText delText delInstrText "
    "commentRangeStart rubyPr rt"
)
"""Elements in which there is no text that a reader sees."""

PAGE_NUMBER = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for the number of the page, which is another one on each, where ``marks_page_numbers`` asks for it."""

AsideKind: TypeAlias = Literal["box", "art", "chart", "diagram", "footnote", "endnote", "comment"]
_PAGE_FIELDS = words("PAGE NUMPAGES SECTIONPAGES")
_EQUATION_PROGRAMS = ("equation", "mathtype")
_PLAIN_STYLE = Style()
_PLAIN = RunLook(is_struck=False, is_hidden=False, position="on line", font=None)


@dataclass(frozen=True, slots=True)
class Aside:
    """What hangs on a paragraph: a box with its element, a part by its relation, a note by its number, WordArt."""

    kind: AsideKind
    name: str = ""
    element: Element | None = None


@dataclass(slots=True)
class _Field:
    """A field that has begun. Its result is shown, unless it is a form field whose value has been written."""

    instruction: list[str] = field(default_factory=list)
    in_result: bool = False
    is_written: bool = False

    @property
    def is_page_number(self) -> bool:
        """Whether it shows the number of a page, or how many there are."""
        return _names_page("".join(self.instruction))


@dataclass(slots=True)
class Runs:
    """Reads what is inside elements, in order; keeps the fields that reach over several paragraphs."""

    styles: Styles
    unread: UnreadParts
    is_paged: bool
    marks_page_numbers: bool = False
    asides: list[Aside] = field(default_factory=list)
    _fields: list[_Field] = field(default_factory=list)
    _style: Style = _PLAIN_STYLE
    _look: RunLook = _PLAIN

    def pieces(self, element: Element, style: Style) -> Iterator[Piece]:
        """The pieces of a paragraph of that style."""
        self._style, self._look = style, _PLAIN
        yield from self._inside(element)
        self._fields = [field for field in self._fields if field.in_result]  # a broken field ends with its paragraph

    def _inside(self, element: Element) -> Iterator[Piece]:
        for inner in element:
            yield from self._piece(inner)

    def _piece(self, element: Element) -> Iterator[Piece]:
        tag = local(element.tag)
        if (text := _CHARACTERS.get(tag)) is not None:
            yield from self._shown(text)
        elif (reader := _READERS.get(tag)) is not None:
            yield from reader(self, element)
        elif tag not in UNREAD:
            yield from self._inside(element)
        elif tag in ("del", "moveFrom") and len(element):
            self.unread.left_out("text deleted by tracked changes")
            for inner in all_of(element, "lastRenderedPageBreak"):  # the pages end where Word showed it
                yield from self._page_break(inner)

    def _shown(self, text: str, position: Position | None = None) -> Iterator[Piece]:
        """Text of the current run, or in another position, if a reader sees it."""
        if not text or not all(field.in_result and not field.is_written for field in self._fields):
            return
        if self._look.is_hidden or self._look.is_struck:
            if text.strip():
                self.unread.left_out("hidden text" if self._look.is_hidden else "struck-out text")
            return
        if self.marks_page_numbers and any(field.is_page_number for field in self._fields):
            text = PAGE_NUMBER
        yield Piece(text, position or self._look.position)

    def _run(self, run: Element) -> Iterator[Piece]:
        outer, self._look = self._look, self.styles.look(child(run, "rPr"), self._style)
        yield from self._inside(run)
        self._look = outer

    def _text(self, element: Element) -> Iterator[Piece]:
        text, unknown = symbol_fonts.shown(element.text or "", self._look.font)
        if unknown:
            self.unread.add("symbol", unknown)
        yield from self._shown(text)

    def _symbol(self, element: Element) -> Iterator[Piece]:
        code = attribute(element, "char") or ""
        try:
            shown = symbol_fonts.symbol(attribute(element, "font"), int(code, 16))
        except ValueError:
            shown = None
        if shown is None:
            self.unread.add("symbol")
        yield from self._shown(shown or "")

    def _break(self, element: Element) -> Iterator[Piece]:
        yield Piece("\n")

    def _page_break(self, element: Element) -> Iterator[Piece]:
        if self.is_paged:
            yield Piece(PAGE_BREAK)

    def _ruby(self, element: Element) -> Iterator[Piece]:
        """A word, and behind it in brackets how it is read."""
        base, above = child(element, "rubyBase"), child(element, "rt")
        word = [] if base is None else list(self._inside(base))
        reading = [] if above is None else list(self._inside(above))
        yield from word
        texts = ("".join(piece.text for piece in pieces).strip() for pieces in (word, reading))
        yield Piece(reading_behind(*texts))

    def _equation(self, element: Element) -> Iterator[Piece]:
        yield from self._shown(omml.linear(element), "formula")

    def _note(self, element: Element) -> Iterator[Piece]:
        self.asides.append(Aside(_NOTES[local(element.tag)], attribute(element, "id") or ""))
        yield from ()

    def _box(self, element: Element) -> Iterator[Piece]:
        self.asides.append(Aside("box", element=element))
        yield from ()

    def _art(self, element: Element) -> Iterator[Piece]:
        self.asides.append(Aside("art", attribute(element, "string") or ""))
        yield from ()

    def _chart(self, element: Element) -> Iterator[Piece]:
        self.asides.append(Aside("chart", attribute(element, "id") or ""))
        yield from ()

    def _diagram(self, element: Element) -> Iterator[Piece]:
        self.asides.append(Aside("diagram", attribute(element, "dm") or ""))
        yield from ()

    def _object(self, element: Element) -> Iterator[Piece]:
        for inner in element:
            if local(inner.tag) == "OLEObject":
                program = (attribute(inner, "ProgID") or "").lower()
                is_equation = program.startswith(_EQUATION_PROGRAMS)
                self.unread.add("equation" if is_equation else "embedded object")
            elif local(inner.tag) == "control":
                self.unread.add("form control")
        yield from ()

    def _subdocument(self, element: Element) -> Iterator[Piece]:
        self.unread.add("subdocument")
        yield from ()

    def _paragraph(self, element: Element) -> Iterator[Piece]:
        """A paragraph inside another element, such as a note."""
        outer, self._style = self._style, self.styles.of(child(element, "pPr"))
        yield from self._inside(element)
        yield Piece("\n")
        self._style = outer

    def _either(self, element: Element) -> Iterator[Piece]:
        if (chosen := chosen_alternative(element)) is not None:
            yield from self._inside(chosen)

    def _control(self, element: Element) -> Iterator[Piece]:
        box = checkbox(element)
        if box is None:
            yield from self._inside(element)
        else:
            yield from self._shown(box)

    def _instruction(self, element: Element) -> Iterator[Piece]:
        if self._fields and not self._fields[-1].in_result:
            self._fields[-1].instruction.append(element.text or "")
        yield from ()

    def _field(self, element: Element) -> Iterator[Piece]:
        """The begin, middle or end of a field: what it shows stands between the last two."""
        kind = attribute(element, "fldCharType")
        if kind == "begin":
            form = _form_value(child(element, "ffData"))
            yield from self._shown(form or "")
            self._fields.append(_Field(is_written=form is not None))
        elif kind == "separate" and self._fields:
            self._fields[-1].in_result = True
        elif kind == "end" and self._fields:
            ended = self._fields.pop()
            if not ended.in_result and not ended.is_written:
                yield from self._without_result("".join(ended.instruction))

    def _simple_field(self, element: Element) -> Iterator[Piece]:
        if self.marks_page_numbers and _names_page(attribute(element, "instr") or ""):
            yield Piece(PAGE_NUMBER)
        else:
            yield from self._inside(element)

    def _without_result(self, instruction: str) -> Iterator[Piece]:
        shown = shown_by_instruction(instruction)
        yield from self._shown(shown.text, "formula" if shown.is_formula else None)
        if shown.unread:
            self.unread.add(shown.unread)


def _names_page(instruction: str) -> bool:
    return any(word in _PAGE_FIELDS for word in instruction.upper().split()[:1])


def checkbox(control: Element) -> str | None:
    """The box that a content control shows, ticked or not; None if it is another one."""
    box = child(control, "sdtPr", "checkbox")
    if box is None:
        return None
    return symbol_fonts.TICKED_BOX if switch(child(box, "checked")) else symbol_fonts.EMPTY_BOX


def _form_value(form: Element | None) -> str | None:
    """What a check box or a list of a form shows; None for a field whose text is its result."""
    if (box := child(form, "checkBox")) is not None:
        checked = child(box, "checked")
        is_checked = switch(child(box, "default") if checked is None else checked)
        return symbol_fonts.TICKED_BOX if is_checked else symbol_fonts.EMPTY_BOX
    if (choices := child(form, "ddList")) is not None:
        entries = [value(entry) or "" for entry in children_of(choices) if local(entry.tag) == "listEntry"]
        chosen = value(child(choices, "result")) or value(child(choices, "default"))
        number = whole_number(chosen, 0)
        return entries[number] if 0 <= number < len(entries) else ""
    return None


_NOTES: Mapping[str, AsideKind] = {
    "footnoteReference": "footnote",
    "endnoteReference": "endnote",
    "commentReference": "comment",
}
_CHARACTERS: Mapping[str, str] = {"tab": "\t", "ptab": "\t", "noBreakHyphen": "-", "softHyphen": ""}
_READERS: Mapping[str, Callable[[Runs, Element], Iterator[Piece]]] = {
    "r": Runs._run,
    "t": Runs._text,
    "sym": Runs._symbol,
    "br": Runs._break,
    "cr": Runs._break,
    "lastRenderedPageBreak": Runs._page_break,
    "ruby": Runs._ruby,
    "oMath": Runs._equation,
    "oMathPara": Runs._equation,
    **dict.fromkeys(_NOTES, Runs._note),
    "txbxContent": Runs._box,
    "textpath": Runs._art,
    "chart": Runs._chart,
    "relIds": Runs._diagram,
    "object": Runs._object,
    "subDoc": Runs._subdocument,
    "p": Runs._paragraph,
    "AlternateContent": Runs._either,
    "sdt": Runs._control,
    "instrText": Runs._instruction,
    "fldChar": Runs._field,
    "fldSimple": Runs._simple_field,
}
