"""Past tense into present tense, with verbs of the wrong number; words whose forms go no rule's way."""

from __future__ import annotations

import random

import pytest

from app.training.corruption import learner_errors, word_forms
from app.training.corruption.present_tense import PresentTense
from app.training.edit_tagger.train import slips_of

PROSE = ["the dog dogs parks park parked parking guide guides visit visits visited visiting study studied studying"] * 3
FORMS = word_forms.learn(PROSE)


def pairs(sentence: str) -> set[tuple[str, str]]:
    found = (PresentTense(FORMS).pair(sentence, random.Random(seed)) for seed in range(40))
    return {one for one in found if one is not None}


@pytest.mark.parametrize(
    ("past", "present", "wrong"),
    [
        ("She fed them.", "She feeds them.", "She feed them."),
        ("They were late.", "They are late.", "They is late."),
        ("Yesterday, we went home.", "Yesterday, we go home.", "Yesterday, we goes home."),
        ("There was a dog.", "There is a dog.", "There are a dog."),
        ("There were many dogs.", "There are many dogs.", "There is many dogs."),
        ("The dog visited us.", "The dog visits us.", "The dog visit us."),
        ("The dogs visited us.", "The dogs visit us.", "The dogs visits us."),
        ("It had been cold.", "It has been cold.", "It have been cold."),
    ],
)
def test_the_verb_behind_a_subject(past: str, present: str, wrong: str) -> None:
    assert pairs(past) == {(present, present), (present, wrong)}


@pytest.mark.parametrize(
    "sentence",
    [
        "She feeds them.",
        "In 1984 she fed them.",
        "One of them was late.",
        "The dog of the dogs visited us.",
        "They can visit us.",
        "",
    ],
)
def test_what_is_no_past_or_has_no_plain_subject_stays(sentence: str) -> None:
    assert not pairs(sentence)


def test_only_forms_that_cannot_stand_there_follow_an_auxiliary() -> None:
    def made(sentence: str) -> set[str]:
        found = set()
        for seed in range(40):
            words = sentence.split()
            assert learner_errors.after_auxiliary(words, random.Random(seed), FORMS.verbs) == (
                words != sentence.split()
            )
            found.add(" ".join(words))
        return found

    assert "She did not came home." in made("She did not come home.")
    assert "He has went home." in made("He has gone home.")
    assert made("They came home.") == {"They came home."}


def test_what_the_rules_make_of_irregular_words_is_known() -> None:
    words = "speak speaks spoke go goes went city cities child children read put tooth teeth".split()
    slips = slips_of({"tooth": ["tothe"], "unknown": ["unknwon"]}, {word: at for at, word in enumerate(words)})
    wanted = {"speaked": "spoke", "goed": "went", "citys": "cities", "childs": "children", "childrens": "children"}
    assert wanted.items() <= slips.items()
    assert slips["tothe"] == "tooth" and slips["tooths"] == slips["teeths"] == "teeth"
    assert slips["readed"] == "read" and slips["puted"] == "put"
    assert not set(slips) & set(words) and set(slips.values()) <= set(words)
