"""Changes of whole words: accepting all gives the corrected text, rejecting all the source."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.generation.events import Edit
from app.ui.views.correction import Change, word_changes

_TEXT = st.text(alphabet="ab '.,é\n", max_size=40)


def applied(source: str, edits: list[Edit]) -> str:
    parts, position = [], 0
    for edit in edits:
        parts += [source[position : edit.start], edit.replacement]
        position = edit.end
    return "".join([*parts, source[position:]])


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    source = draw(_TEXT)
    borders = sorted(draw(st.sets(st.integers(0, len(source)), max_size=8)))
    pairs = list(zip(borders[::2], borders[1::2], strict=False))
    return source, [Edit(start, end, draw(st.text(alphabet="xy ", max_size=4))) for start, end in pairs]


@given(edited())
def test_all_changes_give_the_corrected_text_and_none_the_source(case: tuple[str, list[Edit]]) -> None:
    source, edits = case
    found = word_changes(source, edits)
    assert all(source[change.start : change.end] == change.before for change in found)
    assert all(left.end <= right.start for left, right in itertools.pairwise(found))
    as_edits = [Edit(change.start, change.end, change.after) for change in found]
    assert applied(source, as_edits) == applied(source, edits)


def test_two_letters_inside_a_word_show_as_the_word() -> None:
    assert word_changes("I recieve it", [Edit(5, 7, "ei")]) == [Change(2, 9, "recieve", "receive")]


def test_an_inserted_word_stays_an_insertion() -> None:
    assert word_changes("I have cat", [Edit(7, 7, "a ")]) == [Change(7, 7, "", "a ")]


def test_two_edits_of_one_word_are_one_change() -> None:
    assert word_changes("teh recieev", [Edit(7, 9, "ei"), Edit(9, 11, "ve")]) == [Change(4, 11, "recieev", "receive")]


def test_a_comma_does_not_swallow_the_word_before_it() -> None:
    assert word_changes("However we go", [Edit(7, 7, ",")]) == [Change(7, 7, "", ",")]
