"""Counts as lists, headings and pages show them: digits, letters, Roman numerals, circled digits, English words.

The names of the looks are those of number formats in Office Open XML (ECMA-376 part 1, 17.18.59, ``ST_NumberFormat``).
A look that is not known is shown in digits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MOST_ROMAN = 4_000
_MOST_REPEATS = 9
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_RUSSIAN = "абвгдежзиклмнопрстуфхцчшщыэюя"
_NOTE_MARKS = "*†‡§"
_IDEOGRAPHS = "〇一二三四五六七八九"
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_IRREGULAR = MappingProxyType(
    {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
     "twelve": "twelfth"}
)  # fmt: skip


def numeral(count: int, look: str) -> str:
    """A count in one of the looks, ``IV`` for 4 in ``upperRoman``; empty for ``none`` and ``bullet``."""
    shown = _LOOKS.get(look, str)(count) if count >= 0 else str(count)
    return str(count) if shown is None else shown


def padded(count: int, pattern: str) -> str | None:
    """A count like the examples of a custom format, ``001, 002, 003, ...``; None if that shows no digits."""
    example = pattern.partition(",")[0].strip()
    return str(count).zfill(len(example)) if example.isascii() and example.isdecimal() else None


def _letters(alphabet: str) -> Callable[[int], str | None]:
    """After the last letter each is doubled: z, aa, bb."""

    def shown(count: int) -> str | None:
        if count < 1:
            return None
        repeats, letter = divmod(count - 1, len(alphabet))
        return alphabet[letter] * min(repeats + 1, _MOST_REPEATS)

    return shown


def _roman(count: int) -> str | None:
    if not 0 < count < _MOST_ROMAN:
        return None
    figures = ""
    for worth, figure in _ROMAN:
        figures += figure * (count // worth)
        count %= worth
    return figures


def _upper(look: Callable[[int], str | None]) -> Callable[[int], str | None]:
    def shown(count: int) -> str | None:
        small = look(count)
        return small if small is None else small.upper()

    return shown


def _from(first: str, start: int, last: int) -> Callable[[int], str | None]:
    """Characters that follow each other in Unicode, ``first`` for ``start``."""
    return lambda count: chr(ord(first) + count - start) if start <= count <= last else None


def _digits(zero: str) -> Callable[[int], str | None]:
    """Decimal digits of another script, which follow each other in Unicode."""
    return lambda count: "".join(chr(ord(zero) + int(digit)) for digit in str(count))


def _circled(count: int) -> str | None:
    return "⓪" if count == 0 else _from("①", 1, 20)(count)


def _ordinal(count: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th") if count % 100 not in (11, 12, 13) else "th"
    return f"{count}{ending}"


def _words(count: int) -> str | None:
    if count < len(_SMALL):
        return _SMALL[count]
    if count < 100:
        return _TENS[count // 10] + (f"-{_SMALL[count % 10]}" if count % 10 else "")
    return None


def _cardinal_words(count: int) -> str | None:
    words = _words(count)
    return words and words.capitalize()


def _ordinal_words(count: int) -> str | None:
    if (words := _words(count)) is None:
        return None
    front, dash, last = words.rpartition("-")
    ordinal = _IRREGULAR.get(last) or (f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th")
    return f"{front}{dash}{ordinal}".capitalize()


def _ideographs(count: int) -> str | None:
    """Chinese and Japanese counting below a hundred: 九, 十, 二十一."""
    if count >= 100:
        return None
    tens, ones = divmod(count, 10)
    if not tens:
        return _IDEOGRAPHS[ones]
    return ("" if tens == 1 else _IDEOGRAPHS[tens]) + "十" + (_IDEOGRAPHS[ones] if ones else "")


_LOOKS: Mapping[str, Callable[[int], str | None]] = MappingProxyType(
    {
        "none": lambda count: "",
        "bullet": lambda count: "",
        "decimalZero": lambda count: f"{count:02d}",
        "lowerLetter": _letters(_LATIN),
        "upperLetter": _upper(_letters(_LATIN)),
        "lowerRoman": _roman,
        "upperRoman": _upper(_roman),
        "russianLower": _letters(_RUSSIAN),
        "russianUpper": _upper(_letters(_RUSSIAN)),
        "chicago": _letters(_NOTE_MARKS),
        "ordinal": _ordinal,
        "cardinalText": _cardinal_words,
        "ordinalText": _ordinal_words,
        "hex": lambda count: f"{count:X}",
        "numberInDash": lambda count: f"- {count} -",
        "decimalEnclosedCircle": _circled,
        "decimalEnclosedCircleChinese": _circled,
        "decimalEnclosedParen": _from("⑴", 1, 20),
        "decimalEnclosedFullstop": _from("⒈", 1, 20),
        "decimalFullWidth": _digits("０"),
        "decimalFullWidth2": _digits("０"),
        "thaiNumbers": _digits("๐"),
        "hindiNumbers": _digits("०"),
        **dict.fromkeys(
            ("chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCounting",
             "taiwaneseCountingThousand"), _ideographs),
    }
)  # fmt: skip
