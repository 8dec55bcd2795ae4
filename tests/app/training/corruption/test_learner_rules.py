"""Errors of learners, rule by rule and habit by habit; and which sentences are general."""

from __future__ import annotations

import itertools
import random
import string
from collections.abc import Callable

import pytest

from app.training.corruption import learner_errors
from app.training.corruption.synthetic import change_article
from app.training.data import prose

VERBS = {"go": ("goes", "going"), "going": ("go", "goes"), "study": ("studied", "studying")}


def made(rule: Callable[[list[str], random.Random], bool], text: str) -> set[str]:
    found = set()
    for seed in range(60):
        words = text.split()
        changed = rule(words, random.Random(seed))
        assert changed == (words != text.split())
        found.add(" ".join(words))
    return found


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        (learner_errors.agreement, "They are old.", "They is old."),
        (learner_errors.agreement, "He doesn't know.", "He don't know."),
        (learner_errors.article_of_a_thing, "She lives in nature now.", "She lives in the nature now."),
        (learner_errors.article_of_a_thing, "People like it.", "The people like it."),
        (learner_errors.split_compound, "Someone came.", "Some one came."),
        (learner_errors.drop_possessive, "My brother's car", "My brother car"),
    ],
)
def test_each_rule_makes_its_error(rule: Callable[[list[str], random.Random], bool], right: str, wrong: str) -> None:
    assert wrong in made(rule, right)


def test_a_rule_that_finds_no_place_says_so() -> None:
    for rule in (
        learner_errors.agreement,
        learner_errors.article_of_a_thing,
        learner_errors.split_compound,
        learner_errors.drop_possessive,
    ):
        assert made(rule, "Oh no.") == {"Oh no."}


def test_infinitives_and_gerunds_change_places() -> None:
    def rule(words: list[str], rng: random.Random) -> bool:
        return learner_errors.infinitive(words, rng, VERBS)

    assert made(rule, "We like to go home.") == {"We like going home.", "We like go home.", "We like to going home."}
    assert made(rule, "We like going home.") == {"We like to go home.", "We like go home.", "We like to going home."}
    assert made(rule, "We like it.") == {"We like it."}


def test_a_word_too_many_is_somewhere() -> None:
    words = "We like it.".split()
    assert learner_errors.filler(words, random.Random(0))
    assert len(words) == 4 and [word for word in words if word in "We like it.".split()] == "We like it.".split()


def test_habits_go_through_the_whole_sentence() -> None:
    text = "In May, the man, a friend of the King, met a lady, a child, and the dog. We met, and, then, left. " * 3
    for habit, count in (
        (learner_errors.no_commas, lambda words: sum(word.endswith(",") for word in words)),
        (learner_errors.no_articles, lambda words: sum(word.lower() in ("a", "the") for word in words)),
        (learner_errors.no_capitals, lambda words: sum(word[0].isupper() for word in words)),
    ):
        words = text.split()
        habit(words, random.Random(0))
        assert count(words) < 0.6 * count(text.split())


def test_a_rule_again_and_again() -> None:
    words = ("the " * 30).split()
    learner_errors.Again(change_article, 3)(words, random.Random(0))
    assert 1 < sum(word != "the" for word in words) <= 11


@pytest.mark.parametrize(
    ("sentence", "is_general"),
    [
        ("People who live in cities often want to leave them.", True),
        ("I think that it is hard to find a good job.", True),
        ("They left London on the first day of the week.", False),
        ("He went home and said that it was late.", False),
        ("There are 20 people in the small house.", False),
        ("Go home now.", False),
    ],
)
def test_what_is_general(sentence: str, is_general: bool) -> None:
    assert prose.is_general(sentence) is is_general


def test_sentences_held_out_are_not_learned_from() -> None:
    ends = ["".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=2)] * 2
    texts = [[f"The people of town number {end} like their own house."] for end in ends]
    held, sources = prose.tagger_sentences(texts, random.Random(0))
    assert len(held) == prose.HELD_OUT
    assert sum(share for share, _ in sources) == pytest.approx(1)
    assert all(sentences for _, sentences in sources)
