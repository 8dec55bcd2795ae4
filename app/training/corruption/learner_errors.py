"""Clean sentences -> as people who learn English write them: several errors of many kinds, or none.

Uses the rules of `synthetic` in other shares, and errors of its own: double slips, wrong parts of speech, regular forms
of irregular words, another word by one slip, and what takes more than one word to make, or a list of words. A rule gets
the words of a sentence and changes one position, or returns False if there is none.

Some writers make one kind of error all the time. A habit goes through a sentence and spoils some of its positions of
one kind: no commas, no articles, no capitals, one verb form for all. Knows words. Must not know tokens or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.training.corruption import synthetic as errors
from app.training.corruption.synthetic import (
    ARTICLES,
    PREPOSITIONS,
    Corruptor,
    Rule,
    change_one,
    change_preposition,
    drop_article,
    slip,
)
from app.training.corruption.word_forms import IRREGULAR, WordForms, plural_of

Habit = Callable[[list[str], random.Random], None]

_ENDINGS = (
    ("e", "ion"), ("", "ion"), ("", "ation"), ("e", "ation"), ("", "ment"), ("", "ness"), ("y", "iness"), ("", "al"),
    ("e", "al"), ("", "ful"), ("", "less"), ("", "y"), ("e", "y"), ("", "ive"), ("e", "ive"), ("", "er"), ("e", "er"),
    ("", "or"), ("e", "or"), ("", "able"), ("e", "able"), ("ent", "ence"), ("ant", "ance"), ("ent", "ency"),
    ("", "ity"), ("e", "ity"), ("le", "ility"), ("", "ous"), ("y", "ious"), ("ic", "y"), ("", "ist"), ("", "th"),
    ("ce", "tial"), ("", "ance"), ("", "ence"), ("", "ic"), ("y", "ic"), ("", "en"), ("", "ship"), ("", "hood"),
)  # fmt: skip
_COMMON_START = 3
_IRREGULAR = tuple(
    tuple(family)
    for family in map(str.split, IRREGULAR)
    if family[0] not in ("be", "can", "will", "shall", "may", "this", "that", "have", "do", "life", "person")
)
"""Families of irregular words whose first is the base."""
_MOST = 7

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

_NO_COMMAS, _NO_ARTICLES, _SMALL = 0.85, 0.6, 0.9


@dataclass(frozen=True, slots=True)
class LearnerErrors:
    """`vocabulary` are the words there are, most frequent first."""

    forms: WordForms
    misspelt: dict[str, list[str]]
    vocabulary: Sequence[str]
    untouched: float = 0.3
    _known: Collection[str] = field(init=False)
    _derived: dict[str, list[str]] = field(init=False)
    _rules: list[Rule] = field(init=False)
    _weights: list[float] = field(init=False)
    _habits: list[tuple[float, Habit]] = field(init=False)

    def __post_init__(self) -> None:
        known = frozenset(self.vocabulary)
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_derived", derivations(self.vocabulary))
        rules = self._table()
        object.__setattr__(self, "_rules", [rule for _, rule in rules])
        object.__setattr__(self, "_weights", [weight for weight, _ in rules])
        old = Corruptor(self.forms, self.misspelt)
        object.__setattr__(self, "_habits", habits(old.verb, old.number, old.misspell))

    def corrupt(self, sentence: str, rng: random.Random) -> str:
        """The sentence with about one error every six words, or as it is."""
        if rng.random() < self.untouched:
            return sentence
        words = sentence.split()
        for share, habit in self._habits:
            if rng.random() < share:
                habit(words, rng)
        mean = len(words) / rng.choice((4.0, 6.0, 9.0, 14.0))
        count = min(_MOST, 1 + int(rng.expovariate(1 / mean)))
        for rule in rng.choices(self._rules, self._weights, k=count):
            for _ in range(3):
                if not words or rule(words, rng):
                    break
                rule = rng.choices(self._rules, self._weights)[0]
        return " ".join(word for word in words if word)

    def _table(self) -> list[tuple[float, Rule]]:
        old = Corruptor(self.forms, self.misspelt)
        return [
            (11, old.misspell), (9, errors.scramble_letters), (6, double_slip), (3, self._other_word),
            (10, old.verb), (6, agreement), (4, self._infinitive),
            (4, self._after_auxiliary), (9, old.number), (2, old.adverb),
            (4, self._part_of_speech), (3, self._regular), (2, self._uncountable),
            (8, errors.drop_article), (2, errors.insert_article), (5, article_of_a_thing),
            (3, errors.change_article), (5, errors.change_preposition), (3, errors.drop_preposition),
            (2, insert_preposition), (6, errors.confuse), (3, errors.drop_word), (2, errors.insert_word),
            (2, filler), (1, errors.repeat_word), (5, errors.capitals), (8, errors.drop_comma),
            (3, errors.insert_comma), (3, errors.drop_end), (2, errors.join_words), (1, errors.split_word),
            (1.5, split_compound), (1, errors.swap_words), (2.5, errors.contraction),
            (1, drop_possessive), (2.5, errors.comparative),
        ]  # fmt: skip

    def _part_of_speech(self, words: list[str], rng: random.Random) -> bool:
        return change_one(words, rng, lambda word: _pick(self._derived.get(word.lower()), rng))

    def _other_word(self, words: list[str], rng: random.Random) -> bool:
        """A slip that makes another word: from, form."""

        def change(word: str) -> str | None:
            tries = (slip(word.lower(), rng) for _ in range(5 if len(word) > 2 else 0))
            return next((other for other in tries if other in self._known and other != word.lower()), None)

        return change_one(words, rng, change)

    def _infinitive(self, words: list[str], rng: random.Random) -> bool:
        return infinitive(words, rng, self.forms.verbs)

    def _after_auxiliary(self, words: list[str], rng: random.Random) -> bool:
        return after_auxiliary(words, rng, self.forms.verbs)

    def _regular(self, words: list[str], rng: random.Random) -> bool:
        """What the rule would make of an irregular word: taked, childs."""

        def change(word: str) -> str | None:
            small = word.lower()
            for family in _IRREGULAR:
                if small in family[1:]:
                    made = family[0] + ("d" if family[0].endswith("e") else "ed")
                    return made if len(family) > 2 else plural_of(rng.choice(family))
            return None

        return change_one(words, rng, change)

    def _uncountable(self, words: list[str], rng: random.Random) -> bool:
        """The plural of a word that has none."""

        def change(word: str) -> str | None:
            made = plural_of(word)
            usable = word.islower() and len(word) > 4 and word in self._known and made not in self._known
            return made if usable and not word.endswith(("s", "ing", "ed", "ly")) else None

        return change_one(words, rng, change)


def double_slip(words: list[str], rng: random.Random) -> bool:
    """Two slips in a long word."""
    return change_one(words, rng, lambda w: slip(slip(w, rng), rng) if len(w) > 5 else None)


def insert_preposition(words: list[str], rng: random.Random) -> bool:
    """A preposition too many, rather before an article or a name for a thing than anywhere."""
    places = [i for i, word in enumerate(words) if i and word[:1].isalpha() and words[i - 1][-1:].isalpha()]
    if places:
        words.insert(rng.choice(places), rng.choice(("to", "of", "in", "for", "about", "with", "at", "on")))
    return bool(places)


def derivations(vocabulary: Sequence[str]) -> dict[str, list[str]]:
    """For each word the other parts of speech made of it or of what it is made of."""
    known, found = set(vocabulary), dict[str, list[str]]()
    for word in vocabulary:
        for end, other in _ENDINGS:
            if len(word) - len(end) < _COMMON_START or not word.endswith(end):
                continue
            made = word[: len(word) - len(end)] + other
            if made in known:
                found.setdefault(word, []).append(made)
                found.setdefault(made, []).append(word)
    return {word: list(dict.fromkeys(others)) for word, others in found.items()}


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


def _pick(options: Sequence[str] | None, rng: random.Random) -> str | None:
    return rng.choice(options) if options else None


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
