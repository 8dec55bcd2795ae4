"""Equations of Office (OMML) as linear text: ``x=1/24``, ``10^6``, ``√16``, ``∑_(i=1)^n x_i``.

Parentheses are added where the layout alone says what belongs together, so that no number changes its value. Knows no
document: gives the text of one element.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType
from xml.etree.ElementTree import Element

from corpora.loaders.formats.opc_package import attribute, child, local
from corpora.text.reading_text import words

_UNREAD = words(
    "del moveFrom ctrlPr rPr argPr accPr barPr boxPr borderBoxPr dPr eqArrPr fPr funcPr groupChrPr limLowPr limUppPr "
    "mPr naryPr phantPr radPr sPrePr sSubPr sSubSupPr sSupPr oMathParaPr"
)
_INVISIBLE_OPERATORS = re.compile("[\u2061-\u2064\u200b]")
_MATH_LETTER = re.compile("[\U0001d400-\U0001d7ff]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*%?")
_ONE_LETTER = re.compile(r"[^\W\d_][\u0300-\u036f\u20d0-\u20ff′″]*|[∞□…]")
_WORD = re.compile(r"[^\W\d_]{4,}")
_SIGNED = re.compile(r"[+\-−±∓]?(?:\d+(?:[.,]\d+)*%?|[^\W\d_])|[+\-−*†]")
_ATTACHED = words("′ ″ ‴ ' '' * † ° º")
_ROOTS = MappingProxyType({"": "√", "2": "√", "3": "∛", "4": "∜"})
_COMBINING_OVERLINE, _COMBINING_UNDERLINE, _COMBINING_HAT = "\u0305", "\u0332", "\u0302"
_ON = (None, "", "1", "true", "on")


def linear(element: Element) -> str:
    """The text of an equation, of a paragraph of equations, or of an element in one."""
    shape = _SHAPES.get(local(element.tag))
    return _inside(element) if shape is None else shape(element)


def _inside(element: Element | None) -> str:
    """The elements inside one, next to each other; 3 before ½ stays apart from it, as does what follows a fraction."""
    parts: list[str] = []
    after_fraction = False
    for inner in element if element is not None else ():
        tag = local(inner.tag)
        text = "" if tag in _UNREAD else linear(inner)
        if text:
            touches = bool(parts) and parts[-1][-1:].isalnum() and text[:1].isalnum()
            if touches and (tag == "f" or after_fraction):
                parts.append(" ")
            parts.append(text)
            after_fraction = tag == "f"
    return "".join(parts)


def _run(element: Element) -> str:
    parts = (_break_or_text(inner) for inner in element if local(inner.tag) in ("t", "br", "tab", "delText"))
    return "".join(parts)


def _break_or_text(element: Element) -> str:
    if local(element.tag) in ("br", "tab"):
        return " "
    text = _INVISIBLE_OPERATORS.sub("", element.text or "")
    return _MATH_LETTER.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)


def _paragraph(element: Element) -> str:
    return "\n".join(filter(None, (linear(inner) for inner in element if local(inner.tag) not in _UNREAD)))


def _fraction(element: Element) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    if _property(element, "type") == "noBar":
        return f"binom({above}, {below})"
    return f"{_factor(above)}/{_factor(below)}"


def _power(element: Element) -> str:
    return _based(_part(element, "e")) + _raised(_part(element, "sup"))


def _index(element: Element) -> str:
    return _based(_part(element, "e")) + _lowered(_part(element, "sub"))


def _index_and_power(element: Element) -> str:
    return _based(_part(element, "e")) + _lowered(_part(element, "sub")) + _raised(_part(element, "sup"))


def _before(element: Element) -> str:
    """Index and power before their base, as of isotopes."""
    return _lowered(_part(element, "sub")) + _raised(_part(element, "sup")) + " " + _part(element, "e")


def _root(element: Element) -> str:
    degree = "" if _is_on(element, "degHide") else _part(element, "deg")
    inner = _part(element, "e")
    if degree in _ROOTS:
        return _ROOTS[degree] + _group(inner)
    return f"root({degree}, {inner})"


def _sum(element: Element) -> str:
    """Sums, products, integrals: the operator, its limits, and what it is of."""
    sign = _character(element, "chr", "∫")
    low = "" if _is_on(element, "subHide") else _part(element, "sub")
    high = "" if _is_on(element, "supHide") else _part(element, "sup")
    limits = (_lowered(low) if low else "") + (f"^{_group(high)}" if high else "")
    return f"{sign}{limits} {_part(element, 'e')}".rstrip()


def _delimited(element: Element) -> str:
    opening, closing = _character(element, "begChr", "("), _character(element, "endChr", ")")
    separator = _character(element, "sepChr", "|")
    inner = [_rows_only(part) for part in element if local(part.tag) == "e"]
    return f"{opening}{separator.join(inner)}{closing}"


def _rows_only(part: Element) -> str:
    """A part in brackets; a matrix alone in it needs none of its own."""
    shapes = [inner for inner in part if local(inner.tag) not in _UNREAD]
    if len(shapes) == 1 and local(shapes[0].tag) == "m":
        return _matrix_rows(shapes[0])
    return _inside(part)


def _matrix(element: Element) -> str:
    return f"[{_matrix_rows(element)}]"


def _matrix_rows(element: Element) -> str:
    rows = (row for row in element if local(row.tag) == "mr")
    return "; ".join(", ".join(_inside(cell) for cell in row if local(cell.tag) == "e") for row in rows)


def _equations(element: Element) -> str:
    """Equations below each other; ``&`` aligns them, ``#`` stands before their number."""
    rows = (_inside(row).replace("&", "").replace("#", " ") for row in element if local(row.tag) == "e")
    return "; ".join(row for row in rows if row)


def _function(element: Element) -> str:
    name, of = _part(element, "fName"), _part(element, "e")
    return f"{name}{of}" if of.startswith(("(", "[", "{", "|")) else f"{name} {of}"


def _limit_below(element: Element) -> str:
    return _part(element, "e") + _lowered(_part(element, "lim"))


def _limit_above(element: Element) -> str:
    return f"{_part(element, 'e')}^{_group(_part(element, 'lim'))}"


def _accent(element: Element) -> str:
    base, accent = _part(element, "e"), _character(element, "chr", _COMBINING_HAT)
    if not accent or not unicodedata.combining(accent[0]):
        return base + accent
    return unicodedata.normalize("NFC", base + accent) if _ONE_LETTER.fullmatch(base) else f"({base}){accent}"


def _bar(element: Element) -> str:
    line = _COMBINING_OVERLINE if _property(element, "pos") == "top" else _COMBINING_UNDERLINE
    base = _part(element, "e")
    return "".join(letter + line if letter.isalnum() else letter for letter in base)


def _phantom(element: Element) -> str:
    """What only takes room, unless it is to be shown."""
    return _part(element, "e") if _is_on(element, "show", default=True) else ""


def _part(element: Element, name: str) -> str:
    return _inside(child(element, name)).strip()


def _property(element: Element, name: str) -> str | None:
    """The value of a property; None if it is not given."""
    found = child(element, f"{local(element.tag)}Pr", name)
    return None if found is None else attribute(found, "val")


def _character(element: Element, name: str, default: str) -> str:
    """A character given as a property; one that is given empty is none."""
    found = child(element, f"{local(element.tag)}Pr", name)
    return default if found is None else attribute(found, "val") or ""


def _is_on(element: Element, name: str, *, default: bool = False) -> bool:
    found = child(element, f"{local(element.tag)}Pr", name)
    return default if found is None else attribute(found, "val") in _ON


def _raised(text: str) -> str:
    if text in _ATTACHED:
        return text
    if text in ("∘", "o"):  # as degrees are written
        return "°"
    return f"^{text if _SIGNED.fullmatch(text) else _group(text)}"


def _lowered(text: str) -> str:
    return f"_{_group(text)}" if text else ""


def _factor(text: str) -> str:
    """One side of a fraction, in parentheses unless it is one number, letter or word."""
    return text if _WORD.fullmatch(text) else _group(text)


def _based(text: str) -> str:
    """The base of a power or an index: a word such as ``log`` may have one."""
    return text if text.isalpha() or not text else _group(text)


def _group(text: str) -> str:
    """The text in parentheses, unless it is one number or letter or has them."""
    if _NUMBER.fullmatch(text) or _ONE_LETTER.fullmatch(text) or _is_enclosed(text):
        return text
    return f"({text})"


def _is_enclosed(text: str) -> bool:
    """Whether the first character is a parenthesis that the last one closes."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for letter in text[:-1]:
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return False
    return True


_SHAPES: Mapping[str, Callable[[Element], str]] = MappingProxyType(
    {
        "r": _run,
        "oMathPara": _paragraph,
        "f": _fraction,
        "sSup": _power,
        "sSub": _index,
        "sSubSup": _index_and_power,
        "sPre": _before,
        "rad": _root,
        "nary": _sum,
        "d": _delimited,
        "m": _matrix,
        "eqArr": _equations,
        "func": _function,
        "limLow": _limit_below,
        "limUpp": _limit_above,
        "acc": _accent,
        "bar": _bar,
        "phant": _phantom,
    }
)
