"""Errors as learners make them: deterministic, of many kinds, or none; parts of speech by their endings."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.corruption import word_forms
from app.training.corruption.learner_errors import LearnerErrors, derivations, double_slip

SENTENCES = [
    "The important government has developed many cities, and it uses them.",
    "They took a box from the children, and the boxes are important to the development.",
    "She tries to stop, so they tried stopping and stops.",
    "The importance of information is clear to the form of the city.",
]
VOCABULARY = list(dict.fromkeys(word.strip(".,").lower() for one in SENTENCES for word in one.split()))


@pytest.fixture(scope="module")
def errors() -> LearnerErrors:
    forms = word_forms.learn([f"{' '.join(VOCABULARY)} develop develops developing" for _ in range(3)])
    return LearnerErrors(forms, {"government": ["goverment"]}, [*VOCABULARY, "develop"])


@given(seed=st.integers(0, 1000))
def test_the_same_generator_makes_the_same_errors(seed: int) -> None:
    errors = LearnerErrors(word_forms.learn(SENTENCES * 3), {"city": ["citty"]}, VOCABULARY)
    first = [errors.corrupt(one, random.Random(seed)) for one in SENTENCES]
    assert first == [errors.corrupt(one, random.Random(seed)) for one in SENTENCES]
    assert all(one == " ".join(one.split()) for one in first)


def test_so_many_sentences_are_left_as_they_are(errors: LearnerErrors) -> None:
    rng = random.Random(0)
    same = sum(one == errors.corrupt(one, rng) for one in SENTENCES * 200)
    assert 0.25 < same / 800 < 0.4


def test_there_are_errors_of_many_kinds(errors: LearnerErrors) -> None:
    rng = random.Random(0)
    written = {word.strip(".,") for _ in range(600) for one in SENTENCES for word in errors.corrupt(one, rng).split()}
    assert {"goverment", "taked", "childs", "informations", "from", "form", "development"} <= written


def test_parts_of_speech_are_known_by_their_endings() -> None:
    found = derivations(["important", "importance", "develop", "development", "happy", "happiness", "new", "news"])
    assert found["important"] == ["importance"]
    assert found["development"] == ["develop"]
    assert found["happy"] == ["happiness"]
    assert "new" not in found


def test_two_slips_are_in_long_words_only() -> None:
    words = ["I", "do", "not", "government."]
    assert double_slip(words, random.Random(1))
    assert words[:3] == ["I", "do", "not"]
    assert words[3] != "government." and words[3].endswith(".")
