"""Edits of a text as changes of whole words, for reading.

An edit may replace two letters inside a word; a reader wants to see the word before and after. Taking every
change gives the corrected text, taking none gives the source, letter for letter. Offsets are Unicode code points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.events import Edit


@dataclass(frozen=True, slots=True)
class Change:
    """``source[start:end]``, which reads ``before``, becomes ``after``."""

    start: int
    end: int
    before: str
    after: str


def changes(source: str, edits: Sequence[Edit]) -> list[Change]:
    """Word-wide changes in order, none overlapping; edits of the same word become one change."""
    merged: list[Change] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        wide = _widened(source, edit)
        if merged and wide.start < merged[-1].end:
            before, last_end = merged.pop(), _end_of_edit(source, edit)
            # The earlier change already holds the source text up to its end; swap in what this edit says.
            kept = before.end - edit.start
            after = before.after[: len(before.after) - kept] if kept > 0 else before.after + source[before.end : edit.start]
            end = max(before.end, wide.end)
            merged.append(
                Change(before.start, end, source[before.start : end], after + edit.replacement + source[last_end:end])
            )
        else:
            merged.append(wide)
    return merged


def _end_of_edit(source: str, edit: Edit) -> int:
    return min(edit.end, len(source))


def _widened(source: str, edit: Edit) -> Change:
    start, end = edit.start, edit.end
    cut_out = source[start:end]
    if _wordy(source[start - 1 : start]) and (_wordy(cut_out[:1]) or _wordy(edit.replacement[:1])):
        while start > 0 and _wordy(source[start - 1]):
            start -= 1
    if _wordy(source[end : end + 1]) and (_wordy(cut_out[-1:]) or _wordy(edit.replacement[-1:])):
        while end < len(source) and _wordy(source[end]):
            end += 1
    after = source[start : edit.start] + edit.replacement + source[edit.end : end]
    return Change(start, end, source[start:end], after)


def _wordy(character: str) -> bool:
    return character.isalnum() or character in ("'", "’") and character != ""
