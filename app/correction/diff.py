"""Edits between a text and its correction, by words; and the white space of the text put back into a correction.

Works on strings only. Offsets are Unicode code points, half-open. ``apply_edits(source, edits_between(source,
corrected)) == corrected`` for any two texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from app.generation.events import Edit

_PART: Final = re.compile(r"\s+|[^\W_]+(?:['’][^\W_]+)*|\W|_", re.UNICODE)


def edits_between(source: str, corrected: str, *, offset: int = 0) -> tuple[Edit, ...]:
    """The fewest changed words, in order, not overlapping. ``offset`` is where ``source`` begins in a longer text."""
    old, new = _PART.findall(source), _PART.findall(corrected)
    starts = _starts(old)
    return tuple(
        Edit(offset + starts[i], offset + starts[j], "".join(new[k:m])) for _, i, j, k, m in _changes(old, new)
    )


def apply_edits(source: str, edits: Iterable[Edit]) -> str:
    """``source`` with the edits made; they are in order and do not overlap."""
    parts, at = [], 0
    for edit in edits:
        parts += [source[at : edit.start], edit.replacement]
        at = edit.end
    return "".join((*parts, source[at:]))


def with_spacing_of(source: str, corrected: str) -> str:
    """``corrected`` with the runs of white space of ``source`` between words that neither lost nor gained a neighbour.

    A target writes single spaces; a line break or an aligning gap of the text must survive it.
    """
    old, new = source.split(), corrected.split()
    old_gaps = re.findall(r"\s+", source.strip())
    gaps = [" "] * max(0, len(new) - 1)
    twins = dict(_twins(old, new))
    for index, following in pairwise(range(len(new))):
        if index in twins and twins.get(following) == twins[index] + 1:
            gaps[index] = old_gaps[twins[index]]
    return "".join(word + gap for word, gap in zip(new, (*gaps, ""), strict=False))


def _twins(old: list[str], new: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs (index in new, index in old) of words that are the same, or were changed one for one."""
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and j - i == m - k):
            yield from zip(range(k, m), range(i, j), strict=True)


def _changes(old: list[str], new: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    for change in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if change[0] != "equal":
            yield change


def _starts(parts: list[str]) -> list[int]:
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part))
    return starts
