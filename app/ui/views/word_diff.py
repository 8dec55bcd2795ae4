"""Edits of a text as changes of whole words, for reading.

An edit may replace two letters inside a word; a reader wants to see the word before and after. Taking every
change gives the corrected text, taking none gives the source, letter for letter. Offsets are Unicode code points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.generation.events import Edit


@dataclass(frozen=True, slots=True)
class Change:
    """``source[start:end]``, which reads ``before``, becomes ``after``."""

    start: int
    end: int
    before: str
    after: str


def changes(source: str, edits: Sequence[Edit]) -> list[Change]:
    """Word-wide changes in order, none overlapping; edits of the same word become one change."""
    groups: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        start, end = _widened(source, edit)
        if groups and start < groups[-1][1]:
            first, last, together = groups.pop()
            groups.append((min(first, start), max(last, end), [*together, edit]))
        else:
            groups.append((start, end, [edit]))
    return [
        Change(start, end, source[start:end], _applied(source, start, end, together)) for start, end, together in groups
    ]


def _applied(source: str, start: int, end: int, edits: Sequence[Edit]) -> str:
    parts: list[str] = []
    for edit in edits:
        parts += [source[start : edit.start], edit.replacement]
        start = edit.end
    return "".join([*parts, source[start:end]])


def _widened(source: str, edit: Edit) -> tuple[int, int]:
    """The span of an edit, out to the borders of the words that it cuts into."""
    start, end = edit.start, edit.end
    cut_out = source[start:end]
    if _in_word(cut_out[:1]) or _in_word(edit.replacement[:1]):
        while start > 0 and _in_word(source[start - 1]):
            start -= 1
    if _in_word(cut_out[-1:]) or _in_word(edit.replacement[-1:]):
        while end < len(source) and _in_word(source[end]):
            end += 1
    return start, end


def _in_word(character: str) -> bool:
    return character.isalnum() or character in {"'", "’"}
