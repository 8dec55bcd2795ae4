"""Corruption is deterministic, changes what it says, and never invents text that the word rules could not make."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.corruption import synthetic, word_forms
from app.training.corruption.synthetic import slip

SENTENCES = [
    "The city has used many cities and uses them.",
    "They use a box, and the boxes are using it.",
    "She tries to stop, so they tried stopping and stops.",
    "It is quick, and it went quickly to the old city.",
]


@pytest.fixture
def corruptor() -> synthetic.Corruptor:
    return synthetic.Corruptor(word_forms.learn(SENTENCES * 3), {"city": ["citty"], "they": ["thay"]})


def test_word_forms_are_learnt_only_if_all_are_seen() -> None:
    forms = word_forms.learn(["use used using uses city cities stop stopped stopping quick quickly bus"] * 3)
    assert set(forms.verbs["use"]) == {"used", "using", "uses"}
    assert set(forms.verbs["stop"]) == {"stopped", "stopping"}
    assert forms.nouns["city"] == "cities"
    assert forms.nouns["cities"] == "city"
    assert forms.adverbs["quick"] == "quickly"
    assert "bus" not in forms.nouns
    assert "were" in forms.verbs["is"]


@given(seed=st.integers(0, 10_000))
def test_same_generator_same_errors(seed: int) -> None:
    corruptor = synthetic.Corruptor(word_forms.learn(SENTENCES * 3), {"city": ["citty"]})
    first = [corruptor.corrupt(s, random.Random(seed)) for s in SENTENCES]
    assert first == [corruptor.corrupt(s, random.Random(seed)) for s in SENTENCES]
    assert all(s == " ".join(s.split()) for s in first)


def test_most_sentences_change_but_stay_alike(corruptor: synthetic.Corruptor) -> None:
    rng = random.Random(0)
    pairs = [(s, corruptor.corrupt(s, rng)) for s in SENTENCES * 50]
    assert sum(a != b for a, b in pairs) > 180
    assert all(abs(len(a.split()) - len(b.split())) <= 5 for a, b in pairs)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (synthetic.drop_article, "He saw the dog.", {"He saw dog."}),
        (synthetic.drop_article, "The dog barks.", {"Dog barks.", "dog barks."}),
        (synthetic.drop_comma, "Then, we go.", {"Then we go."}),
        (synthetic.drop_end, "We go now.", {"We go now"}),
        (synthetic.contraction, "We don't go.", {"We dont go."}),
        (synthetic.join_words, "Now a lot", {"Now alot"}),
        (synthetic.drop_preposition, "We sit at home.", {"We sit home."}),
        (synthetic.repeat_word, "Now we", {"Now we we"}),
        (synthetic.swap_words, "so We", {"We so"}),
        (synthetic.comparative, "is faster", {"is more faster"}),
    ],
)
def test_a_rule_makes_its_error(rule: synthetic.Rule, before: str, after: set[str]) -> None:
    words = before.split()
    assert rule(words, random.Random(1))
    assert " ".join(words) in after


@pytest.mark.parametrize(
    "rule", [synthetic.drop_article, synthetic.drop_comma, synthetic.drop_preposition, synthetic.contraction]
)
def test_a_rule_without_a_place_changes_nothing(rule: synthetic.Rule) -> None:
    words = ["Birds", "fly", "south"]
    assert not rule(words, random.Random(1))
    assert words == ["Birds", "fly", "south"]


@given(word=st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=14), seed=st.integers(0, 1000))
def test_a_slip_keeps_the_first_letter_and_nearly_the_length(word: str, seed: int) -> None:
    slipped = slip(word, random.Random(seed))
    assert slipped[0] == word[0]
    assert abs(len(slipped) - len(word)) <= 2
