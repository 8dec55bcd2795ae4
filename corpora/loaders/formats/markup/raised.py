"""Raised and lowered text (exponents, note marks, indices) as it stands in a line, where a number must keep its value.

``10`` with a raised 6 is ``10^6``, never ``106``; a mark that leads to a note is ``[6]``; what may be either keeps the
look of the page, as in ``1987²`` and ``m²``. Knows nothing of files.
"""

from __future__ import annotations

import re

from corpora.text.reading_text import in_one_line, words

_HIGH = str.maketrans("0123456789+-−=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿ")
_LOW = str.maketrans("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
_HIGH_CHARACTERS = re.compile(r"[-0-9+−=()]+")
_BRACKETED = re.compile(r"\[.*\]|\(.*\)")
_SEVERAL_NOTES = re.compile(r"\d+(?:\s*[,;–-]\s*\d+)+")
_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)?")
_NUMBER_AT_END = re.compile(r"\d+(?:[.,  ]\d+)*$")
_LETTERS_AT_END = re.compile(r"[^\W\d_]+$")
_TRADE_MARKS = {"TM": "™", "SM": "℠", "R": "®"}
_ENDINGS_OF_NUMBERS = words("st nd rd th e er re ère ème o a os as bis ter")
_EXPONENTS = words("n k m x y t i j N")
_LONGEST_MARK, _LONGEST_BASE = 6, 2
_WORD_AHEAD = re.compile(r"[^\W\d_]{3}")


def raised(text: str, before: str, *, after: str = "", is_note: bool = False) -> str:
    """What to write for raised text that stands behind ``before`` and leads to a note if it ``is_note``."""
    mark = in_one_line(text)
    if not mark or _BRACKETED.fullmatch(mark):
        return mark or text
    if (is_note and len(mark) <= _LONGEST_MARK) or _SEVERAL_NOTES.fullmatch(mark):
        return f"[{mark}]"
    if not before or before[-1].isspace():
        return f"{mark} " if _WORD_AHEAD.match(after) else mark
    if len(mark) > 1 and mark.upper() in _TRADE_MARKS:
        return _TRADE_MARKS[mark.upper()]
    if not any(character.isalnum() for character in mark):
        return mark.translate(_HIGH)
    if before[-1].isdigit():
        return _behind_number(mark, before)
    if _HIGH_CHARACTERS.fullmatch(mark):
        return mark.translate(_HIGH)
    if mark.isalpha():
        return _behind_letters(mark, before)
    return f"^{mark}" if mark.isalnum() else f"^({mark})"


def lowered(text: str, before: str, after: str) -> str:
    """What to write for lowered text between ``before`` and ``after``."""
    index = in_one_line(text)
    if not index or not before or not (before[-1].isalnum() or before[-1] in ")]∑∏∫"):
        return index or text
    if index.isdecimal():
        clashes = before[-1].isdigit() or after[:1].isdigit()
        return index.translate(_LOW) if clashes else index
    if index[0].isdigit() and before[-1].isalpha() and index.isalnum():
        return index
    return f"_{index}" if index.isalnum() else f"_({index})"


def _behind_number(mark: str, before: str) -> str:
    number = _NUMBER_AT_END.search(before)
    if _NUMBER.fullmatch(mark):
        is_base = number is None or len(number[0]) <= _LONGEST_BASE or not number[0].isdecimal() or mark[0] in "-+−"
        return f"^{mark}" if is_base or not mark.isdecimal() else mark.translate(_HIGH)
    if mark.isalpha():
        return f"^{mark}" if mark in _EXPONENTS else mark if mark in _ENDINGS_OF_NUMBERS else f" {mark}"
    return f"^{mark}" if mark.isalnum() else f"^({mark})"


def _behind_letters(mark: str, before: str) -> str:
    base = _LETTERS_AT_END.search(before)
    is_variable = base is not None and len(base[0]) == 1
    if is_variable and before[-1].isupper() and mark.islower():
        return mark  # Mlle, Dr
    return f"^{mark}" if is_variable or len(mark) == 1 else mark
