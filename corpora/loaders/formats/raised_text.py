"""Raised and lowered text (superscripts, subscripts) on a plain line: ``10^6``, ``m²``, ``H2O``, ``1987[2]``.

What the layout told apart stays apart: an exponent has its ``^`` (behind a unit it is written as people write it), and
the number of a note, behind a word or a year, stands in brackets, so that no number changes its value. Knows no format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType
from typing import Literal, TypeAlias

from corpora.text.reading_text import words

Position: TypeAlias = Literal["on line", "raised", "lowered", "formula"]

_LONGEST, _LOOKED_BACK = 24, 100
_DIGITS = re.compile(r"\d{1,3}")
_NOTE_NUMBERS = re.compile(r"\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*,?")
_IN_BRACKETS = re.compile(r"\[\w{1,4}\]")
_ORDINAL = re.compile(r"st|nd|rd|th|er|ère|re|e|ème|nde?|o|a|os|as|ste|de", re.IGNORECASE)
_MARK = re.compile(r"[ºª°*†‡§′″'’#®©℠™]+")
_IN_PARENTHESES = re.compile(r"\(\w{1,4}\)")
# Behind the number of an isotope; those that are words, too, begin a note.
_ELEMENT = re.compile(
    r"(?:[BCFHKNOPSUVWY]|Al|Ar|Au|Ba|Bi|Br|Ca|Cd|Cl|Co|Cr|Cs|Cu|Fe|Ga|Hg|Kr|Li|Mg|Mn|Mo|Na|Ni|Pb|Po|Pu|Ra|Rb|Rn|Ru|Si|"
    r"Sn|Sr|Tc|Th|Ti|Tl|Xe|Zn|Zr)(?![a-z.])"
)
_SHORT_MARKS = MappingProxyType({"tm": "™", "sm": "℠", "(r)": "®"})
_EXPONENT = re.compile(r"[+\-−–]?[\w.,/]+|[\w.,/]+[+\-−–]")
_SIGN = re.compile(r"[+\-−–]{1,2}")
_NUMBER_AT_END = re.compile(r"(?<![\d.,])\d+(?:[.,]\d+)*$")
_LETTERS_AT_END = re.compile(r"([^\W\d_]+)$")
_OPERATOR_BEFORE = re.compile(r"[=+\-−*/·×<>≤≥≈]\s*$")
_OPERATOR_AFTER = re.compile(r"\s*[=×·*/+<>≤≥≈]")
_ALGEBRA_IN_PARENTHESES = re.compile(r"\((?:[^()\s]{1,3}|[^()]*[+\-−*/=^][^()]*)\)$")
_UNITS = words("m mm cm dm km µm μm nm ft in yd mi s min h kg g mg t l K J N W V A Hz Pa mol px")
_UNIT_EXPONENTS = MappingProxyType({"2": "²", "3": "³"})
_LONGEST_BASE = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text, and where it stands; a ``formula`` is a line of its own in the middle of another."""

    text: str
    position: Position = "on line"


def on_one_line(pieces: Iterable[Piece]) -> str:
    """The texts of all pieces, with what tells raised and lowered ones apart from their neighbours."""
    pieces = list(pieces)
    if all(piece.position == "on line" for piece in pieces):
        return "".join(piece.text for piece in pieces)
    runs = list(_runs(pieces))
    line, is_closed = "", False
    for i, run in enumerate(runs):
        following = runs[i + 1 : i + 3]
        after = following[0].text if following and following[0].position == "on line" else ""
        behind = line[-_LOOKED_BACK:]
        stands_apart = run.position == "formula" or (run.position != "on line" and len(run.text) > _LONGEST)
        if stands_apart or (is_closed and run.text[0].isdigit()):
            line += (" " if behind[-1:].isalnum() and run.text[0].isalnum() else "") + run.text
        elif run.position == "on line" or not run.text.strip():
            line += run.text
        elif run.position == "lowered":
            line += lowered(run.text, behind, after)
        elif _is_above_a_slash(run, following):
            line += (" " if behind[-1:].isdigit() else "") + run.text
        else:
            line += raised(run.text, behind, after)
        is_closed = stands_apart
    return line


def raised(text: str, before: str, after: str) -> str:
    """What to write for raised text that stands between ``before`` and ``after``."""
    words = text.strip()
    gap = text[len(text.rstrip()) :]
    behind_digit = before.rstrip()[-1:].isdigit()
    if words in ("o", "O", "0", "∘") and behind_digit and after.lstrip()[:1] in ("C", "F", "K"):
        return f"°{gap}"
    if words.lower() in _SHORT_MARKS:
        return _SHORT_MARKS[words.lower()] + gap
    if _MARK.fullmatch(words) or _SIGN.fullmatch(words) or words in ("o", "os"):  # notes, ions, numbers: No
        return text
    if _IN_BRACKETS.fullmatch(words):  # a note that says itself that it is one
        return text
    if _IN_PARENTHESES.fullmatch(words):
        return f"^{words}" if _may_have_exponent(before, after) else text
    if words.isdecimal() and (not before or before[-1] in " (") and _ELEMENT.match(after):
        return f"^{words}"
    gap = gap or (" " if after[:1].isdigit() else "")
    if _ORDINAL.fullmatch(words) and before[-1:].isdigit():
        return text
    if _NOTE_NUMBERS.fullmatch(words) and not (_DIGITS.fullmatch(words) and _may_have_exponent(before, after)):
        return f"[{words.rstrip(',')}]{gap}"
    if words.isalpha() and _LETTERS_AT_END.search(before):
        return _letters_behind_letters(words, before) + gap
    if not before or before[-1].isspace():
        return text
    if words in _UNIT_EXPONENTS and _is_unit(before):
        return _UNIT_EXPONENTS[words] + gap
    return f"^{words}{gap}" if _EXPONENT.fullmatch(words) else f"^({words}){gap}"


def lowered(text: str, before: str, after: str) -> str:
    """What to write for lowered text that stands between ``before`` and ``after``."""
    words = text.strip()
    gap = text[len(text.rstrip()) :]
    if not before or before[-1].isspace() or before[-1] in "/⁄":
        return text
    if words.isdecimal() and (before[-1].isalpha() or before[-1] in ")]") and not after[:1].isdigit():  # H2O
        return text
    if _EXPONENT.fullmatch(words):
        return f"_{words}{gap or (' ' if after[:1].isalnum() else '')}"
    return f"_({words}){gap}"


def _runs(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Neighbours in the same place as one piece; formulas stand alone."""
    for position, run in groupby(pieces, lambda piece: piece.position):
        texts = [piece.text for piece in run if piece.text]
        if position == "formula":
            yield from (Piece(text, position) for text in texts)
        elif texts:
            yield Piece("".join(texts), position)


def _is_above_a_slash(run: Piece, following: Sequence[Piece]) -> bool:
    """Whether this is the upper half of a fraction, whose lower half is lowered."""
    if not run.text.strip(" /⁄").isdecimal() or not following:
        return False
    slash = following[0].text.strip()
    if following[0].position == "lowered":
        return run.text.rstrip().endswith(("/", "⁄")) or slash.startswith(("/", "⁄"))
    return slash in ("/", "⁄") and len(following) > 1 and following[1].position == "lowered"


def _letters_behind_letters(words: str, before: str) -> str:
    """An exponent, the letter of a note, or the end of an abbreviation (M with raised "lle")."""
    if len(words) > 1:
        return words
    return f"^{words}" if _is_variable(before) else f"[{words}]"


def _may_have_exponent(before: str, after: str) -> bool:
    """Whether a number raised behind this text is its exponent, and not that of a note."""
    if (number := _NUMBER_AT_END.search(before)) is not None:
        short = number[0].isdecimal() and len(number[0]) <= _LONGEST_BASE
        return short or _OPERATOR_AFTER.match(after) is not None
    if before.endswith((")", "]")):
        return _ALGEBRA_IN_PARENTHESES.search(before) is not None
    return _is_variable(before)


def _is_variable(before: str) -> bool:
    """Whether the last word is a unit, a variable, or a short product in a formula."""
    letters = _LETTERS_AT_END.search(before)
    if letters is None:
        return False
    word, front = letters[1], before[: letters.start()]
    if word in _UNITS or len(word) == 1:
        return True
    return len(word) <= 3 and (_OPERATOR_BEFORE.search(front) is not None or front[-1:].isdigit())


def _is_unit(before: str) -> bool:
    letters = _LETTERS_AT_END.search(before)
    if letters is None or letters[1] not in _UNITS:
        return False
    front = before[: letters.start()].rstrip()
    return len(letters[1]) > 1 or front[-1:].isdigit() or front.endswith(("/", "per", "·"))
