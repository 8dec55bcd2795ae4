"""The text of shapes in a presentation: paragraphs with their runs, and the bullets and numbers that stand before them.

Struck-out text and the number of the slide are left out; equations are linear text, raised text stays apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from corpora.loaders.formats.numerals import numeral
from corpora.loaders.formats.office import omml
from corpora.loaders.formats.office.unread_parts import UnreadParts
from corpora.loaders.formats.opc_package import all_of, attribute, child, chosen_alternative, local, whole_number
from corpora.loaders.formats.raised_text import Piece, Position, on_one_line
from corpora.loaders.formats.symbol_fonts import TICKS, is_symbol_font, shown

_DEEPEST_LIST = 8
_NUMBERED = re.compile(r"(.*?)(Period|ParenR|ParenBoth|Plain|Minus)")
_LOOKS = {
    "arabic": "decimal",
    "arabicDb": "decimalFullWidth",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
    "circleNumDb": "decimalEnclosedCircle",
    "circleNumWdWhite": "decimalEnclosedCircle",
    "circleNumWdBlack": "decimalEnclosedCircle",
    "ea1Chs": "chineseCounting",
    "ea1Cht": "taiwaneseCounting",
    "ea1JpnKor": "japaneseCounting",
    "ea1JpnChsDb": "japaneseCounting",
    "thaiNum": "thaiNumbers",
    "hindiNum": "hindiNumbers",
}
_AROUND = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Plain": "{}", "Minus": "{} -"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph. ``marker`` is what its list shows before it; None if it says nothing of a list, empty for none."""

    text: str
    depth: int
    marker: str | None


@dataclass(slots=True)
class _Counts:
    """Counts the numbered paragraphs of one shape: by level, the numbering and how far it is."""

    at: dict[int, tuple[str, int, int]] = field(default_factory=dict)

    def next(self, depth: int, kind: str, start: int) -> int:
        """The number of the next paragraph of this level, which goes on if its numbering is still the same."""
        self.end(depth + 1)
        before = self.at.get(depth)
        count = before[2] + 1 if before is not None and before[:2] == (kind, start) else start
        self.at[depth] = (kind, start, count)
        return count

    def end(self, depth: int) -> None:
        """Let the numberings of this level and of deeper ones end."""
        for deeper in [other for other in self.at if other >= depth]:
            del self.at[deeper]


def paragraphs(body: Element, unread: UnreadParts) -> Iterator[Paragraph]:
    """The paragraphs of a text body that hold text."""
    counts, list_style = _Counts(), child(body, "lstStyle")
    for paragraph in all_of(body, "p"):
        text = line(paragraph, unread)
        if text.strip():
            properties = child(paragraph, "pPr")
            depth = _depth(properties)
            inherited = child(list_style, f"lvl{depth + 1}pPr")
            marker = _marker(properties, depth, counts)
            if marker is None:
                marker = _marker(inherited, depth, counts)
            if marker is None or not marker[:1].strip("-"):
                counts.end(depth)
            yield Paragraph(text, depth, marker)


def line(paragraph: Element, unread: UnreadParts) -> str:
    """The runs of a paragraph; a line break is a newline."""
    return on_one_line(_pieces(paragraph, unread))


def _pieces(element: Element, unread: UnreadParts) -> Iterator[Piece]:
    for inner in element:
        tag = local(inner.tag)
        if tag == "r" or (tag == "fld" and attribute(inner, "type") != "slidenum"):
            yield from _run(inner, unread)
        elif tag == "br":
            yield Piece("\n")
        elif tag in ("oMath", "oMathPara"):
            yield Piece(omml.linear(inner), "formula")
        elif tag == "m":
            yield from _pieces(inner, unread)
        elif tag == "AlternateContent" and (chosen := chosen_alternative(inner)) is not None:
            yield from _pieces(chosen, unread)


def _run(run: Element, unread: UnreadParts) -> Iterator[Piece]:
    properties = child(run, "rPr")
    held = child(run, "t")
    text = (held.text or "") if held is not None else ""
    if properties is None:
        yield Piece(text)
    elif attribute(properties, "strike") in (None, "noStrike"):
        text, unknown = _in_font(text, properties)
        if unknown:
            unread.add("symbol", unknown)
        yield Piece(text, _position(properties))
    elif text.strip():
        unread.left_out("struck-out text")


def _position(properties: Element) -> Position:
    baseline = whole_number((attribute(properties, "baseline") or "0").rstrip("%"), 0)
    return "raised" if baseline > 0 else "lowered" if baseline < 0 else "on line"


def _in_font(text: str, properties: Element) -> tuple[str, int]:
    """A text as its font shows it; a font for symbols alone shows those that are no ASCII."""
    latin, symbols = (attribute(found, "typeface") if found is not None else None
                      for found in (child(properties, "latin"), child(properties, "sym")))  # fmt: skip
    if is_symbol_font(latin):
        return shown(text, latin)
    if is_symbol_font(symbols) and not text.isascii():
        parts = [(letter, 0) if letter.isascii() else shown(letter, symbols) for letter in text]
        return "".join(part for part, _ in parts), sum(unknown for _, unknown in parts)
    return text, 0


def _marker(properties: Element | None, depth: int, counts: _Counts) -> str | None:
    """What these properties show before a paragraph; None if they say nothing of it, empty if they say nothing is."""
    numbered, bullet = child(properties, "buAutoNum"), child(properties, "buChar")
    if numbered is not None:
        kind, start = attribute(numbered, "type") or "", whole_number(attribute(numbered, "startAt"), 1)
        found = _NUMBERED.fullmatch(kind)
        look, around = (found[1], _AROUND[found[2]]) if found else ("arabic", "{}.")
        return around.format(numeral(counts.next(depth, kind, start), _LOOKS.get(look, "decimal")))
    if bullet is not None:
        font = child(properties, "buFont")
        sign, _ = shown(attribute(bullet, "char") or "", attribute(font, "typeface") if font is not None else None)
        return f"- {sign}" if sign in TICKS else "-"
    if child(properties, "buBlip") is not None:
        return "-"
    return "" if child(properties, "buNone") is not None else None


def _depth(properties: Element | None) -> int:
    depth = whole_number(attribute(properties, "lvl"), 0) if properties is not None else 0
    return max(0, min(depth, _DEEPEST_LIST))
