"""Errors come in company: where some of a text's words are surely wrong, others that may be wrong are so more often.

What is learned from errors that rules made takes each error by itself; people who make one make more. So the odds of a
change grow with how many words elsewhere are surely wrong. Knows changes only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from app.likely_edits.words import Word

# A change as likely as this counts as an error; what is misspelt says less about the grammar around it.
_SURE, _MISSPELT = 0.4, 0.1
# What the odds of a lone change are multiplied by; each error elsewhere adds so much, and so many errors at most do.
_ALONE, _EACH, _MOST = 0.4, 2.8, 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """The characters ``[start, end)`` of a text become ``new``."""

    start: int
    end: int
    new: str
    chance: float


def weighed(
    words: Sequence[Word], dropped: Sequence[float], changes: Sequence[Change], misspelt: Collection[int]
) -> tuple[list[float], list[Change]]:
    """The chances of words to be left out and of changes, each one once; ``misspelt`` are places of words."""
    sums: dict[tuple[int, int, str], float] = {}
    for change in changes:
        key = change.start, change.end, change.new
        sums[key] = sums.get(key, 0.0) + change.chance
    drops = [Change(word.start, word.end, "", chance) for word, chance in zip(words, dropped, strict=True)]
    every = [Change(*key, min(1.0, chance)) for key, chance in sums.items()]
    spelt = {words[at].start for at in misspelt}
    sure = _sure([*drops, *every], spelt)
    found = [replace(change, chance=_with_company(change, sure)) for change in every]
    return [_with_company(drop, sure) for drop in drops], found


def _sure(changes: Sequence[Change], misspelt: Collection[int]) -> list[tuple[Change, float]]:
    """The likeliest change of each place, if it is likely, with what it counts."""
    best: dict[int, Change] = {}
    for change in changes:
        if change.chance >= _SURE and (change.start not in best or change.chance > best[change.start].chance):
            best[change.start] = change
    return [(one, one.chance * (_MISSPELT if start in misspelt else 1.0)) for start, one in best.items()]


def _with_company(change: Change, sure: Sequence[tuple[Change, float]]) -> float:
    others = sum(counts for one, counts in sure if not _touch(one, change))
    odds = _ALONE + _EACH * min(_MOST, others)
    return change.chance * odds / (1.0 - change.chance + change.chance * odds)


def _touch(one: Change, other: Change) -> bool:
    return one.start <= other.end and other.start <= one.end
