"""Which word became which: equal ones first, then what looks alike, the rest put in or left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.likely_edits.words import letters_alike
from app.training.edit_tagger.examples import Pair, aligned

WORDS = st.lists(st.sampled_from(["a", "the", "gardan", "garden", "in", "walks", "walk"]), max_size=6)


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ("in gardan", "in the garden", [(0, 0), (None, 1), (1, 2)]),
        ("in the gardan", "in garden", [(0, 0), (1, None), (2, 1)]),
        ("he walk fast", "he walks fast", [(0, 0), (1, 1), (2, 2)]),
        ("he fast", "he walks fast", [(0, 0), (None, 1), (1, 2)]),
        ("", "the", [(None, 0)]),
        ("on it", "in it", [(0, 0), (1, 1)]),
    ],
)
def test_words_are_paired_with_what_they_became(old: str, new: str, pairs: list[Pair]) -> None:
    assert aligned(old.split(), new.split(), letters_alike) == pairs


@given(old=WORDS, new=WORDS)
def test_every_word_is_there_once_and_in_order(old: list[str], new: list[str]) -> None:
    pairs = aligned(old, new, letters_alike)
    assert [i for i, _ in pairs if i is not None] == list(range(len(old)))
    assert [j for _, j in pairs if j is not None] == list(range(len(new)))
