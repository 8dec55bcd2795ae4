"""Past -> present tense, and the verb of the wrong number there: "he fed them" -> "he feeds them", "he feed them".

Prose tells what happened, and in the past no verb but "was" shows its number: of the present there would be too little
to learn agreement from. Knows words and their forms. Must not know tokens or models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.training.corruption.word_forms import WordForms, plural_of

_ONE = frozenset("he she it this that everyone everybody someone somebody nobody nothing everything one".split())
_SEVERAL = frozenset("we you they these those people i".split())
_DETERMINERS = frozenset("the a an my your his her its our their this that these those each every some no".split())
_TO_BE = {"was": ("is", "are"), "were": ("is", "are"), "had": ("has", "have"), "did": ("does", "do")}
_BEHIND_THERE = "there"
_YEAR = re.compile(r"\b1[0-9]{3}\b|\b20[0-9]{2}\b")
_WRONG = 0.5


@dataclass(frozen=True, slots=True)
class PresentTense:
    """Sentences of which some verbs behind a subject are in the present."""

    forms: WordForms

    def pair(self, sentence: str, rng: random.Random) -> tuple[str, str] | None:
        """The sentence in the present, and the same with some verbs of the other number; None if no verb is found."""
        right = sentence.split()
        if any(_YEAR.search(word) for word in right):
            return None  # What is dated is past.
        wrong = list(right)
        for at in range(1, len(right)):
            is_one = self._is_one(right, at)
            forms = None if is_one is None else self._present(right[at], is_one)
            if forms is not None:
                right[at], other = forms
                wrong[at] = other if rng.random() < _WRONG else right[at]
        return (" ".join(right), " ".join(wrong)) if right != sentence.split() else None

    def _is_one(self, words: Sequence[str], at: int) -> bool | None:
        """Whether what stands before word `at` is a subject of one; None if it is none."""
        before = words[at - 1].lower()
        if before in _ONE or before in _SEVERAL:
            # "All of it was", "the book that was": the number is another word's.
            return before in _ONE if at == 1 or words[at - 2][-1] in ",;" else None
        if before == _BEHIND_THERE:
            return words[at] == "was"
        other = self.forms.nouns.get(before)
        if other is None or at < 2 or words[at - 2].lower() not in _DETERMINERS:
            return None
        return other == plural_of(before) if at == 2 or words[at - 3][-1] in ",;" else None

    def _present(self, word: str, is_one: bool) -> tuple[str, str] | None:
        """The present of a past form, and its other number; None for any other word."""
        known = _TO_BE.get(word) or _third_and_base(word, self.forms.verbs)
        if known is None:
            return None
        third, base = known
        return (third, base) if is_one else (base, third)


def _third_and_base(past: str, verbs: Mapping[str, Sequence[str]]) -> tuple[str, str] | None:
    """ "fed": "feeds", "feed"."""
    if past.endswith(("ing", "s")):
        return None
    family = verbs.get(past, ())
    for base in family:
        third = base + "es" if base.endswith("o") else plural_of(base)
        if third in family:
            return third, base
    return None
