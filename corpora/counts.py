"""Numbers for messages: with their nouns (``1 page``, ``1,500 pages``, ``2 queries``), and chances (``83 %``)."""

from __future__ import annotations

from typing import Final

_HISSES: Final = ("s", "x", "z", "ch", "sh")
_VOWELS: Final = "aeiou"


def count(number: int, what: str, plural: str | None = None) -> str:
    """``1 file``, ``1,500 files``; ``plural`` where its end does not tell: ``conversations of yours``."""
    return f"{number:,} {what if number == 1 else plural or plural_of(what)}"


def plural_of(what: str) -> str:
    """The plural of a noun by its end: ``files``, ``passes``, ``queries``."""
    if what.endswith(_HISSES):
        return f"{what}es"
    if what.endswith("y") and what[-2:-1] not in _VOWELS:
        return f"{what[:-1]}ies"
    return f"{what}s"


def percent(chance: float) -> str:
    """A chance: ``83 %``; ``under 1 %`` and ``over 99 %``, because it is never sure."""
    if chance < 0.01:
        return "under 1 %"
    return "over 99 %" if chance > 0.99 else f"{chance:.0%}".replace("%", " %")
