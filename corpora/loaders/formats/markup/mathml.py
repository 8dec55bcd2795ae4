"""Formulas in MathML as linear text: ``x = 1/24``, ``√16``, ``10^6``, ``∑_(i = 1)^n i``.

Knows elements by their local names and nothing of pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import MappingProxyType

from turbohtml import CData, Element, Text

from corpora.loaders.formats.markup.html_tree import local_name
from corpora.text.reading_text import in_one_line, words

_INFIX = frozenset("=<>≤≥≠≈≡∼≃≅∝+-−–±∓×÷·⋅∗*→←↔⇒⇐⇔∈∉⊂⊆∪∩∧∨:≔≪≫∣|")
_TIGHT = frozenset("·⋅∗*|:")
_UNSEEN = MappingProxyType({"\u2061": "", "\u2062": "", "\u2063": ",", "\u2064": " ", "\u200b": "", "\u00a0": " "})
_ROOTS = MappingProxyType({"2": "√", "3": "∛", "4": "∜"})
_PRIMES = frozenset("′″‴'∘°*†")
_NO_TEXT = words("annotation annotation-xml mphantom none mprescripts script style")
_SIMPLE = re.compile(r"[-−+]?[\w.,′°∞]+|[^\W\d_]+\([^()]*\)|√?\w+|\([^()]*\)|\[[^\[\]]*\]|\|[^|]*\|")
_MOST_LEVELS = 60
_LARGE = frozenset("∑∏∫⋃⋂")


def linear(formula: Element) -> str:
    """The text of a formula on one line."""
    return in_one_line(_row(formula, 0))


def _row(element: Element, level: int) -> str:
    """What stands side by side; operators between two operands are spaced."""
    parts: list[str] = []
    for part in _parts(element, level):
        text = part.strip()
        before = "".join(parts[-2:]).rstrip()
        if len(text) == 1 and text in _INFIX:
            is_infix = bool(before) and before[-1] not in _INFIX and before[-1] not in "([{,;"
            parts.append(text if not is_infix or text in _TIGHT else f" {text} ")
        elif parts and text and parts[-1][-1:].isdigit() and text[0].isdigit():
            parts.append(f" {text}")  # 2 1/2
        elif text == ",":
            parts.append(", ")
        elif len(text) > 1 and text[0].isalpha() and parts and parts[-1][-1:].isalnum():
            parts.append(f" {text}")
        else:
            parts.append(part)
    return "".join(parts)


def _parts(element: Element, level: int) -> list[str]:
    parts: list[str] = []
    for node in element.children:
        if isinstance(node, Element):
            parts.append(_text(node, level + 1))
        elif isinstance(node, (Text, CData)):
            parts.append(_seen(node.data))
    return [part for part in parts if part]


def _text(element: Element, level: int) -> str:
    name = local_name(element)
    if name in _NO_TEXT:
        return ""
    if level > _MOST_LEVELS:
        return in_one_line(element.text)
    if name == "mspace":
        return " "
    if name in ("mi", "mn", "mo", "mtext", "ms"):
        return _seen(element.text)
    if name in _LAYOUTS:
        return _LAYOUTS[name](element, level)
    return _row(element, level)


def _fraction(element: Element, level: int) -> str:
    above, below = _operands(element, level, 2)
    if element.attr("linethickness", "") in ("0", "0pt", "0px"):
        return f"({above} {below})"
    return f"{_grouped(above)}/{_grouped(below)}"


def _power(element: Element, level: int) -> str:
    base, exponent = _operands(element, level, 2)
    return _scripted(base, "", exponent)


def _indexed(element: Element, level: int) -> str:
    base, index = _operands(element, level, 2)
    return _scripted(base, index, "")


def _both(element: Element, level: int) -> str:
    return _scripted(*_operands(element, level, 3))


def _over(element: Element, level: int) -> str:
    base, above = _operands(element, level, 2)
    is_accent = len(above) == 1 and not above.isalnum()
    return base + above if is_accent else _scripted(base, "", above)


def _under(element: Element, level: int) -> str:
    base, below = _operands(element, level, 2)
    is_accent = len(below) == 1 and not below.isalnum()
    return base + below if is_accent else _scripted(base, below, "")


def _many_scripts(element: Element, level: int) -> str:
    """A base with pairs of scripts behind it, and in front of it those that follow ``mprescripts``."""
    inner = list(_elements(element))
    if not inner:
        return ""
    base, groups = _text(inner[0], level + 1), ["", ""]
    side, pair = 0, 0
    for script in inner[1:]:
        if local_name(script) == "mprescripts":
            side, pair = 1, 0
            continue
        text = _text(script, level + 1).strip()
        groups[side] += (f"^{_grouped(text)}" if pair else f"_{_grouped(text)}") if text else ""
        pair = 1 - pair
    gap = " " if groups[1][-1:].isalpha() or (groups[1] and base[:1].isdigit()) else ""
    return f"{groups[1]}{gap}{base}{groups[0]}"


def _root(element: Element, level: int) -> str:
    return f"√{_grouped(_row(element, level).strip())}"


def _enclosed(element: Element, level: int) -> str:
    is_root = "radical" in (element.attr("notation") or "").split()
    return _root(element, level) if is_root else _row(element, level)


def _root_of(element: Element, level: int) -> str:
    radicand, index = _operands(element, level, 2)
    sign = _ROOTS.get(index)
    return f"{sign}{_grouped(radicand)}" if sign else f"root({index}, {radicand})"


def _fenced(element: Element, level: int) -> str:
    separators = (element.attr("separators") or ",").replace(" ", "") or ","
    inside = [_text(inner, level + 1).strip() for inner in _elements(element)]
    text = "".join(
        part + (f"{separators[min(i, len(separators) - 1)]} " if i + 1 < len(inside) else "")
        for i, part in enumerate(inside)
    )
    return f"{element.attr('open', '(')}{text}{element.attr('close', ')')}"


def _table(element: Element, level: int) -> str:
    rows = [
        ", ".join(_row(cell, level + 2).strip() for cell in _elements(row))
        for row in _elements(element)
        if local_name(row) in ("mtr", "mlabeledtr")
    ]
    return f"[{'; '.join(rows)}]" if len(rows) > 1 else "".join(rows)


def _first(element: Element, level: int) -> str:
    """Of what is the same in several forms, the one that is shown."""
    first = next(iter(_elements(element)), None)
    return "" if first is None else _text(first, level + 1)


_LAYOUTS: MappingProxyType[str, Callable[[Element, int], str]] = MappingProxyType(
    {
        "mfrac": _fraction,
        "msup": _power,
        "msub": _indexed,
        "msubsup": _both,
        "munderover": _both,
        "mover": _over,
        "munder": _under,
        "mmultiscripts": _many_scripts,
        "msqrt": _root,
        "mroot": _root_of,
        "menclose": _enclosed,
        "mfenced": _fenced,
        "mtable": _table,
        "maction": _first,
        "semantics": _first,
    }
)


def _operands(element: Element, level: int, count: int) -> tuple[str, ...]:
    """The first operands, empty where one is missing; what is beyond them stays with the last."""
    texts = [_text(inner, level + 1).strip() for inner in _elements(element)]
    texts += [""] * (count - len(texts))
    return (*texts[: count - 1], " ".join(texts[count - 1 :]).strip())


def _scripted(base: str, below: str, above: str) -> str:
    text = base if base in _LARGE else _grouped(base)
    if below:
        text += f"_{_grouped(below)}"
    if above:
        text += above if set(above) <= _PRIMES else f"^{_grouped(above)}"
    return f"{text} " if base in _LARGE else text


def _grouped(text: str) -> str:
    return text if not text or _SIMPLE.fullmatch(text) else f"({text})"


def _seen(text: str) -> str:
    return in_one_line("".join(_UNSEEN.get(character, character) for character in text))


def _elements(element: Element) -> Sequence[Element]:
    return [node for node in element.children if isinstance(node, Element)]
