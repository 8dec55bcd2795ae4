"""The words of a segment: looked up as a list of all of them would be, and none stays that is gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from retrieval.postings import PostingSegment, fingerprints
from retrieval.terms import is_word
from retrieval.vocabulary import Vocabulary, without_accents

WORDS = st.lists(st.text(alphabet="abcéèßдα", min_size=1, max_size=6), unique=True, max_size=30)


def made(words: list[str]) -> Vocabulary:
    return Vocabulary.of(words, fingerprints(words))


@settings(max_examples=150, deadline=None)
@given(WORDS, st.text(alphabet="abceдα", min_size=1, max_size=5))
def test_lookups_equal_those_in_a_list(words: list[str], key: str) -> None:
    vocabulary = made(words)
    kept = [word for word in words if is_word(word)]
    keys = {word: without_accents(word) for word in kept}
    assert len(vocabulary) == len(kept)
    assert sorted(vocabulary.beginning(key)) == sorted(word for word in kept if keys[word].startswith(key))
    assert sorted(vocabulary.with_key(key)) == sorted(word for word in kept if keys[word] == key)
    assert sorted(vocabulary.holding(key, 99)) == sorted(word for word in kept if key in keys[word])
    for slips in (1, 2):
        near = {word: OSA.distance(keys[word], key) for word in kept if OSA.distance(keys[word], key) <= slips}
        assert dict(vocabulary.near(key, slips)) == near


@pytest.mark.parametrize(
    ("word", "key"),
    [("école", "ecole"), ("straße", "straße"), ("køb", "kob"), ("йод", "йод"), ("άλφα", "αλφα"), ("हिन्दी", "हिन्दी")],
)
def test_keys_lose_the_accents_of_latin_and_greek_alone(word: str, key: str) -> None:
    assert without_accents(word) == key


def test_identifiers_numbers_and_bigrams_are_no_words() -> None:
    assert made(["tree", "max_new_tokens", "42", "h2o", "装饰", "x", "été"]).text.decode() == "ete\tété\ntree\n"


def test_words_of_removed_rows_leave_the_segment() -> None:
    first = PostingSegment.of([1, 2], [["secret", "plan"], ["open", "plan"]])
    second = PostingSegment.of([7], [["secret"]])
    left = PostingSegment.merged([first, second], [np.array([False, True]), np.array([False])])
    assert left.vocabulary.text == b"open\nplan\n"
    kept = PostingSegment.merged([first, second], [np.array([False, True]), np.array([True])])
    assert kept.vocabulary.text == b"open\nplan\nsecret\n"
