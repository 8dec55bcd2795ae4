"""Which columns of a table a question names: by the words of their names, their stems, or what such columns hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from retrieval.tables.cells import unit_of
from retrieval.tables.table import Table
from retrieval.tables.words import FAMILY_NAMES, Family, Word, are_akin, stem, stems_of

_WEAK: Final = frozenset(
    stem(word) for word in "no nr num number id code name date on at of the in for per by and a to nummer #".split()
)
_BRACKETS: Final = re.compile(r"\(([^)]*)\)|\[([^\]]*)\]")
_MONEY: Final = frozenset("€$£¥")
_FAMILY_UNITS: Final[dict[Family, frozenset[str]]] = {
    "money": _MONEY,
    "weight": frozenset(("g", "kg", "t")),
    "length": frozenset(("m", "cm", "mm")),
    "duration": frozenset(("h", "min", "s", "day", "week", "month", "year")),
    "distance": frozenset(("km", "m", "mi")),
}
_FAMILY_STEMS: Final = {family: frozenset(map(stem, names)) for family, names in FAMILY_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of a question that name columns: one, or several where it could be any of them.

    ``is_exact``: the words are those of the name, and not only akin to them or some of them.
    """

    columns: tuple[int, ...]
    words: tuple[int, ...]
    is_exact: bool


class ColumnNames:
    """The names of a table's columns, taken apart once."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.units = [_unit(name) for name in table.names]
        self._strong = [_strong(name) for name in table.names]

    def mentions(self, words: Sequence[Word], *, free: Iterable[int]) -> list[Mention]:
        """The columns that words at ``free`` places name, no word twice; longer names first."""
        left = sorted(free)
        found: list[Mention] = []
        whole = [
            mention
            for column, strong in enumerate(self._strong)
            if strong and (mention := self._whole(column, strong, words, left)) is not None
        ]
        for mention in sorted(whole, key=lambda one: (not one.is_exact, -len(one.words), one.columns)):
            same = next((one for one in found if set(one.words) == set(mention.words)), None)
            if same is not None and same.is_exact == mention.is_exact:
                found[found.index(same)] = Mention((*same.columns, *mention.columns), same.words, same.is_exact)
            elif set(mention.words) <= set(left):
                found.append(mention)
                left = [index for index in left if index not in mention.words]
        for index in list(left):
            unit = unit_of(words[index].text) if len(words[index].text) > 1 else None
            columns = tuple(column for column in range(len(self._strong)) if unit and self.unit(column) == unit)
            if columns:
                found.append(Mention(columns, (index,), is_exact=False))
                left.remove(index)
        for index in left:
            columns = tuple(
                column
                for column, strong in enumerate(self._strong)
                if len(strong) > 1 and words[index].stem in strong and not words[index].is_number
            )
            if columns:
                found.append(Mention(columns, (index,), is_exact=False))
        return found

    def of_family(self, families: Iterable[Family], kinds: Iterable[str] | None = None) -> list[int]:
        """The columns that are named as a family is, or hold its units; of the first family that has any."""
        for family in families:
            names = _FAMILY_STEMS[family]
            by_unit = _FAMILY_UNITS.get(family, frozenset())
            found = [
                column
                for column, name in enumerate(self._table.names)
                if kinds is None or self._table.read(column).kind in kinds
                if names.intersection(stems_of(name)) or self.unit(column) in by_unit
            ]
            if found:
                return found
        return []

    def unit(self, column: int) -> str:
        """The unit of a column, by its name or its cells; empty if it has none or several."""
        return self.units[column] or self._table.read(column).unit or ""

    def _whole(self, column: int, strong: Sequence[str], words: Sequence[Word], free: Sequence[int]) -> Mention | None:
        """All strong words of a name, near each other, in any order."""
        places: list[int] = []
        is_exact = True
        for wanted in strong:
            same = [index for index in free if words[index].stem == wanted and index not in places]
            akin = [index for index in free if are_akin(words[index].stem, wanted) and index not in places]
            near = same or akin
            if not near:
                return None
            is_exact &= bool(same)
            places.append(min(near, key=lambda index: abs(index - places[-1]) if places else 0))
        if max(places) - min(places) > len(strong) + 1:
            return None
        return Mention((column,), tuple(sorted(places)), is_exact)


def _unit(name: str) -> str:
    """The unit that a name ends in or has in brackets: ``Weight (kg)``, ``Deposit EUR``, ``Length in m``."""
    if match := _BRACKETS.search(name):
        inside = (match[1] or match[2] or "").removeprefix("in ").strip()
        return unit_of(inside) or ""
    words = name.split()
    if len(words) < 2:
        return ""
    last = words[-1]
    is_unit = len(last) <= 3 or words[-2].casefold() == "in"
    return (unit_of(last) or "") if is_unit and last.casefold() not in ("no", "on", "s", "x") else ""


def _strong(name: str) -> tuple[str, ...]:
    """The stems of a name that tell it from others, without its unit; all of them if none would be left."""
    bare = _BRACKETS.sub(" ", name)
    stems = list(stems_of(bare)) or list(stems_of(name))
    if _unit(name) and len(stems) > 1 and not _BRACKETS.search(name):
        stems = stems[:-1]
    strong = [one for one in dict.fromkeys(stems) if one not in _WEAK]
    return tuple(strong or dict.fromkeys(stems))
