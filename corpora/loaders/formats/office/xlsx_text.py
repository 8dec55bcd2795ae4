"""The texts of cells whose letters have looks of their own: raised ones told apart, struck ones left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import child, local
from corpora.loaders.formats.raised_text import Piece, Position, on_one_line

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_POSITIONS: Mapping[str | None, Position] = MappingProxyType({"superscript": "raised", "subscript": "lowered"})


@dataclass(frozen=True, slots=True)
class CellText:
    """What of a text is valid, in most cells and in one whose own font is struck out; whether runs are struck out."""

    text: str
    in_struck_cell: str = ""
    has_struck: bool = False

    def shown(self, *, in_struck_cell: bool) -> tuple[str, bool]:
        """The text that is valid, and whether a part of it was left out."""
        if in_struck_cell:
            return self.in_struck_cell, self.has_struck or self.in_struck_cell != self.text
        return self.text, self.has_struck


@dataclass(frozen=True, slots=True)
class _Run:
    piece: Piece
    is_struck: bool | None  # None: as the cell's own font says


def cell_text(element: Element) -> CellText:
    """The text of a string item or comment, without what says how Japanese is pronounced."""
    if len(element) == 1 and local(element[0].tag) == "t":
        return CellText(unescaped(element[0].text or ""))
    runs = list(_runs(element))
    return CellText(
        on_one_line(run.piece for run in runs if not run.is_struck),
        on_one_line(run.piece for run in runs if run.is_struck is False),
        any(run.is_struck and run.piece.text.strip() for run in runs),
    )


def unescaped(text: str) -> str:
    """Characters that XML cannot hold stand as ``_x000D_`` in sheets."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def is_struck(font: Element) -> bool:
    """Whether a font, of a cell or of a run, is struck out."""
    strike = child(font, "strike")
    return strike is not None and strike.get("val", "1") not in ("0", "false")


def _runs(element: Element) -> Iterator[_Run]:
    for inner in element:
        name = local(inner.tag)
        if name == "t":
            yield _Run(Piece(unescaped(inner.text or "")), None)
        elif name == "r":
            text = "".join(part.text or "" for part in inner if local(part.tag) == "t")
            font = child(inner, "rPr")
            raised = None if font is None else child(font, "vertAlign")
            position = _POSITIONS.get(None if raised is None else raised.get("val"), "on line")
            yield _Run(Piece(unescaped(text), position), None if font is None else is_struck(font))
