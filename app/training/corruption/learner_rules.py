"""Errors of people who learn English that take more than one word to make, or a list of words; habits of one writer.

A rule gets the words of a sentence and changes one position, or returns False if there is none. A habit goes through
a sentence and spoils some of its positions of one kind: no commas, no articles, no capitals, one verb form for all.
Knows words. Must not know tokens or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.training.corruption.synthetic import ARTICLES, PREPOSITIONS, Rule, change_one, change_preposition, drop_article

_AGREEING = {
    one: other
    for pair in ("is are", "was were", "has have", "does do", "isn't aren't", "wasn't weren't", "hasn't haven't",
                 "doesn't don't")
    for one, other in (pair.split(), pair.split()[::-1])
}  # fmt: skip
_AUXILIARIES = frozenset(
    "do does did don't doesn't didn't can could will would may might must shall should can't couldn't won't wouldn't "
    "have has had haven't hasn't hadn't".split()
)
_BETWEEN = frozenset("not never also always".split())
# What an article often follows, so that one there looks right at first.
_BEFORE_THINGS = frozenset(
    (*PREPOSITIONS, *"and or that than because if when is are was were have has make makes made between".split())
)
_FILLERS = "also just only very really so it they that this some many more most will would about up own".split()
_COMPOUNDS = {
    "".join(parts): " ".join(parts)
    for parts in map(
        str.split,
        (
            "some one,every one,any one,every thing,some thing,any thing,no body,every body,can not,may be,with out,"
            "in to,in stead,them selves,him self,it self,my self,mean while,more over,further more,never the less,"
            "there fore,how ever,what ever,when ever,some times,any more,some where,every where,al ready,al though,"
            "out side,in side,through out,an other,over come,class room,news paper,house work,week end,life style"
        ).split(","),
    )
}


def agreement(words: list[str], rng: random.Random) -> bool:
    """A small verb of the other number."""
    return change_one(words, rng, lambda word: _AGREEING.get(word.lower()))


def infinitive(words: list[str], rng: random.Random, verbs: Mapping[str, Sequence[str]]) -> bool:
    """ "to go", "going" and "go" for each other."""
    places = [
        at for at, word in enumerate(words)
        if at and word.islower() and word in verbs and (words[at - 1] == "to" or word.endswith("ing"))
    ]  # fmt: skip
    if not places:
        return False
    at = rng.choice(places)
    if words[at].endswith("ing"):
        base = min(verbs[words[at]], key=len, default="")
        words[at : at + 1] = rng.choice((["to", base], [base], ["to", words[at]])) if base else [words[at]]
        return bool(base)
    ing = next((form for form in verbs[words[at]] if form.endswith("ing")), None)
    if ing is None:
        words.pop(at - 1)
        return True
    new, start = rng.choice((([ing], at - 1), ([words[at]], at - 1), ([ing], at)))
    words[start : at + 1] = new
    return True


def article_of_a_thing(words: list[str], rng: random.Random) -> bool:
    """An article too many where one may stand: behind a preposition, a verb, at the beginning."""
    places = [
        at for at, word in enumerate(words)
        if word.isalpha() and len(word) > 3 and (word.islower() if at else word.istitle())
        and word.lower() not in _BEFORE_THINGS
        and (at == 0 or words[at - 1].lower() in _BEFORE_THINGS)
    ]  # fmt: skip
    if not places:
        return False
    at = rng.choice(places)
    article = rng.choices(ARTICLES, weights=(2, 1, 9))[0]
    words[at : at + 1] = [article, words[at]] if at else [article.capitalize(), words[at].lower()]
    return True


def filler(words: list[str], rng: random.Random) -> bool:
    """A word that says nothing more."""
    words.insert(rng.randrange(1, len(words)) if len(words) > 1 else 0, rng.choice(_FILLERS))
    return True


def split_compound(words: list[str], rng: random.Random) -> bool:
    """One word that is made of two written as two."""
    return change_one(words, rng, lambda word: _COMPOUNDS.get(word.lower()))


def drop_possessive(words: list[str], rng: random.Random) -> bool:
    """Lose "'s"."""
    return change_one(words, rng, lambda word: word[:-2] if word.endswith(("'s", "’s")) and len(word) > 3 else None)


def after_auxiliary(words: list[str], rng: random.Random, verbs: Mapping[str, Sequence[str]]) -> bool:
    """Another form where only one can stand: "did not came", "can plays", "has went"."""
    places = []
    for at in range(1, len(words)):
        before = words[at - 2] if at > 1 and words[at - 1].lower() in _BETWEEN else words[at - 1]
        if before.lower() in _AUXILIARIES and words[at].islower() and verbs.get(words[at]):
            places.append(at)
    if not places:
        return False
    at = rng.choice(places)
    words[at] = rng.choice(verbs[words[at]])
    return True


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
    for _ in range(sum(word.lower() in ARTICLES for word in words)):
        if rng.random() < _NO_ARTICLES:
            drop_article(words, rng)


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
        (0.04, Again(change_preposition, 6)),
    ]
