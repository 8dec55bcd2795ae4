"""What one writer does wrong all the time: no commas, no articles, no capitals, one verb form for all.

A habit goes through a sentence and spoils some of its places of one kind. Knows words. Must not know tokens or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from app.training.corruption import synthetic as errors
from app.training.corruption.synthetic import Rule

Habit = Callable[[list[str], random.Random], None]

_NO_COMMAS, _NO_ARTICLES, _SMALL = 0.85, 0.6, 0.9


@dataclass(frozen=True, slots=True)
class Again:
    """A rule again and again, about once every so many words."""

    rule: Rule
    every: int

    def __call__(self, words: list[str], rng: random.Random) -> None:
        """Spoil the words in place."""
        for _ in range(rng.randint(1, 1 + len(words) // self.every)):
            self.rule(words, rng)


def no_commas(words: list[str], rng: random.Random) -> None:
    """Hardly any comma."""
    for at, word in enumerate(words):
        if word.endswith(",") and len(word) > 1 and rng.random() < _NO_COMMAS:
            words[at] = word[:-1]


def no_articles(words: list[str], rng: random.Random) -> None:
    """Few articles."""
    for _ in range(sum(word.lower() in errors.ARTICLES for word in words)):
        if rng.random() < _NO_ARTICLES:
            errors.drop_article(words, rng)


def no_capitals(words: list[str], rng: random.Random) -> None:
    """Hardly any capital, not at the beginning either."""
    for at, word in enumerate(words):
        if rng.random() < _SMALL:
            words[at] = word.lower()


def habits(verb: Rule, number: Rule, misspell: Rule) -> list[tuple[float, Habit]]:
    """Every habit with the share of the writers who have it."""
    return [
        (0.14, no_commas),
        (0.09, no_articles),
        (0.03, no_capitals),
        (0.07, Again(verb, 6)),
        (0.07, Again(number, 6)),
        (0.09, Again(misspell, 5)),
        (0.04, Again(errors.change_preposition, 6)),
    ]
