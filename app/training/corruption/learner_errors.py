"""Clean sentences -> as people who learn English write them: several errors of many kinds, or none.

Uses the rules of `synthetic` in other shares, and errors of its own (`learner_rules`): double slips, wrong parts of
speech, regular forms of irregular words, another word by one slip. Some writers make one kind of error all the time (a
habit). Knows words. Must not know tokens or models.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from app.training.corruption import learner_rules
from app.training.corruption import synthetic as errors
from app.training.corruption.learner_rules import Habit, habits
from app.training.corruption.synthetic import Corruptor, Rule, change_one, slip
from app.training.corruption.word_forms import IRREGULAR, WordForms, plural_of

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
            (10, old.verb), (6, learner_rules.agreement), (4, self._infinitive),
            (4, self._after_auxiliary), (9, old.number), (2, old.adverb),
            (4, self._part_of_speech), (3, self._regular), (2, self._uncountable),
            (8, errors.drop_article), (2, errors.insert_article), (5, learner_rules.article_of_a_thing),
            (3, errors.change_article), (5, errors.change_preposition), (3, errors.drop_preposition),
            (2, insert_preposition), (6, errors.confuse), (3, errors.drop_word), (2, errors.insert_word),
            (2, learner_rules.filler), (1, errors.repeat_word), (5, errors.capitals), (8, errors.drop_comma),
            (3, errors.insert_comma), (3, errors.drop_end), (2, errors.join_words), (1, errors.split_word),
            (1.5, learner_rules.split_compound), (1, errors.swap_words), (2.5, errors.contraction),
            (1, learner_rules.drop_possessive), (2.5, errors.comparative),
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
        return learner_rules.infinitive(words, rng, self.forms.verbs)

    def _after_auxiliary(self, words: list[str], rng: random.Random) -> bool:
        return learner_rules.after_auxiliary(words, rng, self.forms.verbs)

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


def _pick(options: Sequence[str] | None, rng: random.Random) -> str | None:
    return rng.choice(options) if options else None
