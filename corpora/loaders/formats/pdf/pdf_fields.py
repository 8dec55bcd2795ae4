"""What was written into a PDF's pages afterwards: values of form fields, ticks, notes set as text, and what is unread.

Values become pieces of the page where they stand, so that they are read beside their labels. Comments, stamps, sounds
and files that are pinned to a page are only counted.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from corpora.loaders.formats.pdf.pdf_words import FARTHEST, Box, Piece, Word, turned
from corpora.loaders.formats.symbol_fonts import EMPTY_BOX, TICKED_BOX
from corpora.text.reading_text import in_one_line

_MOST_ANNOTATIONS = 20_000
_HIDDEN = 1 << 1 | 1 << 5
_PASSWORD = 1 << 13
_OFF = ("", "Off")
# In ems: how high a line of a field is, how wide a letter, how far the baseline is from the bottom.
_LINE, _LETTER, _DESCENT = 1.2, 0.5, 0.22
_LARGEST_EM = 12.0
_CHOICES = (pdfium_c.FPDF_FORMFIELD_COMBOBOX, pdfium_c.FPDF_FORMFIELD_LISTBOX)
_TICKS = (pdfium_c.FPDF_FORMFIELD_CHECKBOX, pdfium_c.FPDF_FORMFIELD_RADIOBUTTON)
_COMMENTS = frozenset(
    (
        pdfium_c.FPDF_ANNOT_TEXT, pdfium_c.FPDF_ANNOT_LINE, pdfium_c.FPDF_ANNOT_SQUARE, pdfium_c.FPDF_ANNOT_CIRCLE,
        pdfium_c.FPDF_ANNOT_POLYGON, pdfium_c.FPDF_ANNOT_POLYLINE, pdfium_c.FPDF_ANNOT_HIGHLIGHT,
        pdfium_c.FPDF_ANNOT_UNDERLINE, pdfium_c.FPDF_ANNOT_SQUIGGLY, pdfium_c.FPDF_ANNOT_STRIKEOUT,
        pdfium_c.FPDF_ANNOT_CARET, pdfium_c.FPDF_ANNOT_INK,
    )
)  # fmt: skip
_COUNTED = MappingProxyType(
    {
        pdfium_c.FPDF_ANNOT_STAMP: "stamp",
        pdfium_c.FPDF_ANNOT_FILEATTACHMENT: "attached file",
        pdfium_c.FPDF_ANNOT_SOUND: "sound",
        pdfium_c.FPDF_ANNOT_MOVIE: "film",
        pdfium_c.FPDF_ANNOT_SCREEN: "film",
        pdfium_c.FPDF_ANNOT_RICHMEDIA: "film",
        pdfium_c.FPDF_ANNOT_THREED: "model",
    }
)


@dataclass(frozen=True, slots=True)
class Written:
    """Text and the box that it was written into, on the page as it is stored. ``label`` is the field's own name."""

    text: str
    box: Box
    label: str = ""


@dataclass(frozen=True, slots=True)
class Annotations:
    """Values of fields, notes, and how many things of which name were not read."""

    values: list[Written] = field(default_factory=list)
    notes: list[Written] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)


@contextmanager
def form_of(pdf: pdfium.PdfDocument) -> Iterator[object]:
    """pdfium's view of the form in a document, which it wants to know of before any page; None if there is none."""
    if pdf.get_formtype() == pdfium_c.FORMTYPE_NONE:
        yield None
        return
    info = pdfium_c.FPDF_FORMFILLINFO(version=2)  # must live as long as the form
    form = pdfium_c.FPDFDOC_InitFormFillEnvironment(pdf.raw, info)
    try:
        yield form
    finally:
        if form:
            pdfium_c.FPDFDOC_ExitFormFillEnvironment(form)


def written_into(page: pdfium.PdfPage, form: object) -> Annotations:
    """What was written into a page and can be seen; ``form`` is of ``form_of``."""
    found = Annotations()
    for index in range(min(pdfium_c.FPDFPage_GetAnnotCount(page.raw), _MOST_ANNOTATIONS)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            if not pdfium_c.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                _look_at(annotation, form, found)
        finally:
            pdfium_c.FPDFPage_CloseAnnot(annotation)
    return found


def _look_at(annotation: object, form: object, found: Annotations) -> None:
    kind = pdfium_c.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium_c.FPDF_ANNOT_WIDGET:
        if form and pdfium_c.FPDFAnnot_GetFormFieldType(form, annotation) > 0:
            _look_at_field(annotation, form, found)
        else:
            _look_at_lost_field(annotation, found)
    elif kind == pdfium_c.FPDF_ANNOT_FREETEXT:
        if text := _string(pdfium_c.FPDFAnnot_GetStringValue, annotation, b"Contents").strip():
            found.notes.append(Written(text, _box(annotation)))
    elif kind in _COUNTED:
        found.unread[_COUNTED[kind]] += 1
    elif kind in _COMMENTS and _string(pdfium_c.FPDFAnnot_GetStringValue, annotation, b"Contents").strip():
        found.unread["comment"] += 1


def _look_at_field(annotation: object, form: object, found: Annotations) -> None:
    kind = pdfium_c.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in _TICKS:
        found.values.append(Written(TICKED_BOX if _is_ticked(annotation, form) else EMPTY_BOX, _box(annotation)))
        return
    if kind not in (pdfium_c.FPDF_FORMFIELD_TEXTFIELD, *_CHOICES):
        return
    text = _string(pdfium_c.FPDFAnnot_GetFormFieldValue, form, annotation)
    if kind in _CHOICES:
        count = pdfium_c.FPDFAnnot_GetOptionCount(form, annotation)
        chosen = [n for n in range(count) if pdfium_c.FPDFAnnot_IsOptionSelected(form, annotation, n)]
        labels = [_string(pdfium_c.FPDFAnnot_GetOptionLabel, form, annotation, n) for n in chosen]
        text = ", ".join(filter(None, labels)) or text
    if not text.strip():
        return
    if pdfium_c.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        found.unread["password"] += 1
        return
    label = in_one_line(_string(pdfium_c.FPDFAnnot_GetFormFieldAlternateName, form, annotation))
    found.values.append(Written(text, _box(annotation), label))


def _look_at_lost_field(annotation: object, found: Annotations) -> None:
    """A field that the document's form does not list, by its own entries."""
    kind, value, state = (_string(pdfium_c.FPDFAnnot_GetStringValue, annotation, key) for key in (b"FT", b"V", b"AS"))
    if kind == "Btn" and state:
        found.values.append(Written(EMPTY_BOX if state in _OFF else TICKED_BOX, _box(annotation)))
    elif kind in ("Tx", "Ch") and value.strip():
        found.values.append(Written(value, _box(annotation)))


def _is_ticked(annotation: object, form: object) -> bool:
    """By the state that is shown, or else by the value of the field."""
    if pdfium_c.FPDFAnnot_IsChecked(form, annotation):
        return True
    if state := _string(pdfium_c.FPDFAnnot_GetStringValue, annotation, b"AS"):
        return state not in _OFF
    value = _string(pdfium_c.FPDFAnnot_GetFormFieldValue, form, annotation)
    return value not in _OFF and value == _string(pdfium_c.FPDFAnnot_GetFormFieldExportValue, form, annotation)


def with_values(pieces: Sequence[Piece], written: Sequence[Written], turns: int) -> list[Piece]:
    """The pieces of a page, with what was written into it in their direction."""
    found = list(pieces)
    for value in written:
        left, bottom, right, top = turned(value.box, turns)
        lines = [line for line in map(in_one_line, value.text.splitlines()) if line]
        em = max(min((top - bottom) / (_LINE * len(lines)), _LARGEST_EM), 1.0)
        beside = [piece for piece in pieces if bottom - em / 4 < piece.baseline < top - em / 2]
        above = [
            piece
            for piece in pieces
            if top <= piece.middle < top + 2 * _LINE * piece.em and piece.left < right and left < piece.right
        ]
        if value.label and not beside and not above:
            lines[0] = f"{value.label.rstrip(':')}: {lines[0]}"
        baseline = top - em if len(lines) > 1 else (top + bottom) / 2 - em / 3
        if beside and len(lines) == 1:
            nearest = min(beside, key=lambda piece: (piece.left > left, abs(piece.right - left)))
            baseline, em = nearest.baseline, nearest.em
        for line in lines:
            found.append(_piece(line, left, right, baseline, em, len(found)))
            baseline -= _LINE * em
    return found


def _piece(line: str, left: float, right: float, baseline: float, em: float, order: int) -> Piece:
    """A line in the box of a field; how wide its letters are is not known."""
    letter = min(_LETTER * em, (right - left) / len(line))
    words, at = [], left
    for word in line.split(" "):
        words.append(Word(word, at, at + letter * len(word)))
        at += letter * (len(word) + 1)
    bottom = baseline - _DESCENT * em
    return Piece(tuple(words), left, words[-1].right, baseline, bottom, bottom + em, em, False, False, order)


def is_filled_in(note: Written, pieces: Sequence[Piece], turns: int) -> bool:
    """Whether a note was typed into a form on paper: beside a label, not beside text that it would interrupt."""
    left, bottom, _, top = turned(note.box, turns)
    beside = [piece for piece in pieces if bottom < piece.middle < top]
    return bool(beside) and all(
        piece.text.endswith((":", "_", ".")) and len(piece.words) <= 8 and piece.left < left + 1 for piece in beside
    )


def _box(annotation: object) -> Box:
    rect = pdfium_c.FS_RECTF()
    pdfium_c.FPDFAnnot_GetRect(annotation, rect)
    if not all(-FARTHEST < place < FARTHEST for place in (rect.left, rect.bottom, rect.right, rect.top)):
        return 0.0, 0.0, 0.0, 0.0
    return (
        min(rect.left, rect.right),
        min(rect.bottom, rect.top),
        max(rect.left, rect.right),
        max(rect.bottom, rect.top),
    )


def _string(function: Callable[..., int], *arguments: object) -> str:
    """A string that pdfium gives in UTF-16, after it was asked for its length."""
    size = function(*arguments, None, 0)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    function(*arguments, buffer, size)
    return bytes(buffer).decode("utf-16-le", "replace").split("\0", 1)[0].replace("\r\n", "\n").replace("\r", "\n")
