"""Fields of Word that hold no result: what they show is written in their instruction, or computed by Word alone.

Equations of old documents (``EQ \\f(1;24)``), symbols, buttons. Gives linear text, as ``omml`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from corpora.loaders.formats import symbol_fonts

_COMPUTED = frozenset(("AUTONUM", "AUTONUMLGL", "AUTONUMOUT", "LISTNUM"))
_SYMBOL_CODE = re.compile(r"\s*SYMBOL\s+(0x[0-9A-F]+|\d+)", re.IGNORECASE)
_SYMBOL_FONT = re.compile(r"\\f\s+\"?([^\"\\]+)", re.IGNORECASE)
_BUTTON = re.compile(r"\s*(?:MACROBUTTON|GOTOBUTTON)\s+\S+\s+(.*)", re.IGNORECASE | re.DOTALL)
_SWITCH = re.compile(r"\\([a-z]+)", re.IGNORECASE)
_OPTION = re.compile(r"[\d\s]*\\([a-z]+)|\s*\d+|\s+", re.IGNORECASE)
_SIMPLE = re.compile(r"[\d.,]+|[^\W\d_]")
_SUMS = {"su": "∑", "pr": "∏", "in": "∫"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a field shows; ``unread`` is what it shows that is not in the file, in the singular."""

    text: str = ""
    unread: str = ""
    is_formula: bool = False


def shown_by_instruction(instruction: str) -> Shown:
    """What a field without a result shows."""
    name = instruction.split()[0].upper() if instruction.split() else ""
    if name in _COMPUTED:
        return Shown(unread="automatic number")
    if name == "SYMBOL" and (code := _SYMBOL_CODE.match(instruction)):
        font = _SYMBOL_FONT.search(instruction)
        character = symbol_fonts.symbol(font[1].strip() if font else None, int(code[1], 0))
        return Shown(character or "", "" if character else "symbol")
    if button := _BUTTON.match(instruction):
        return Shown(button[1].strip())
    if name == "EQ":
        return Shown(_Equation(instruction.strip()[2:].strip()).text(), is_formula=True)
    return Shown()


@dataclass(slots=True)
class _Equation:
    """Reads an ``EQ`` instruction from left to right: switches with arguments in parentheses, and plain text."""

    source: str
    at: int = 0

    def text(self) -> str:
        """All of it as linear text."""
        return "".join(self._parts(ends="")).strip()

    def _parts(self, ends: str) -> Iterator[str]:
        while self.at < len(self.source) and self.source[self.at] not in ends:
            if self.source[self.at] != "\\":
                yield self.source[self.at]
                self.at += 1
            elif (switch := _SWITCH.match(self.source, self.at)) is not None:
                self.at = switch.end()
                yield self._switched(switch[1].lower())
            else:  # an escaped bracket, comma or backslash
                yield self.source[self.at + 1 : self.at + 2]
                self.at += 2

    def _switched(self, name: str) -> str:
        """What a switch makes of its arguments; options between the two are read on the way."""
        options: list[str] = []
        while option := _OPTION.match(self.source, self.at):
            options += [option[1].lower()] if option[1] else []
            self.at = option.end()
        if self.source[self.at : self.at + 1] != "(":
            return ""
        return _laid_out(name, options, self._arguments())

    def _arguments(self) -> list[str]:
        arguments: list[str] = []
        while self.at < len(self.source) and self.source[self.at] != ")":
            self.at += 1  # the opening parenthesis or a separator
            arguments.append("".join(self._parts(ends=",;)")).strip())
        self.at += 1
        return arguments


def _laid_out(name: str, options: list[str], arguments: list[str]) -> str:
    first, second, *more = [*arguments, "", ""]
    if name == "f":
        return f"{_grouped(first)}/{_grouped(second)}"
    if name == "r":
        return f"√{_grouped(second or first)}" if not second or not first else f"root({first}, {second})"
    if name == "s":
        mark = "_" if "do" in options else "^"
        return f"{mark}{_grouped(first)}" if first else ""
    if name == "i":
        sign = next((_SUMS[option] for option in options if option in _SUMS), "∫")
        low, high = (f"_{_grouped(first)}" if first else ""), (f"^{_grouped(second)}" if second else "")
        return f"{sign}{low}{high} {''.join(more)}".rstrip()
    if name == "b":
        return f"({', '.join(arguments)})"
    return "; ".join(filter(None, arguments)) if name == "a" else ", ".join(filter(None, arguments))


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) else f"({text})"
