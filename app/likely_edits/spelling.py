"""Spelling: what a word that the vocabulary does not have may have been meant to be.

Known misspellings and lost apostrophes first, then words one slip away (a letter put in, left out, changed, or two
swapped; Damerau 1964) by frequency, then two words run together, then words two slips away. Knows words only.
V words of the vocabulary, L letters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from app.likely_edits.tables import Tables

_JOINED = (
    "do n't,did n't,does n't,is n't,are n't,was n't,were n't,has n't,have n't,had n't,could n't,would n't,should n't,"
    "ca n't,wo n't,i 'm,i 've,i 'd,you 're,you 've,you 'll,you 'd,they 're,they 've,they 'll,they 'd,we 've,that 's,"
    "what 's,there 's,here 's,he 's,she 's,who 's,how 's,where 's,could 've,would 've,should 've,might 've,must 've,"
    "a lot,in fact,as well,at least,every time,of course,each other,in order,even though"
).split(",")
"""What is often written as one word, and without an apostrophe."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz'"
_VOWELS = frozenset("aeiou")
# Weights against each other: what lacks its apostrophe or its space, a known misspelling, a word one slip away, two
# words run together, none of all.
_LACKING, _KNOWN, _SLIP, _SPLIT, _NONE = 60.0, 6.0, 100.0, 8000.0, 0.15
# A slip is likelier behind the first letter, and with a doubled letter, a vowel or two letters swapped.
_INSIDE, _USUAL = 4.0, 2.5
_LONE_LETTER = 0.2
# Two slips, of which none is in the first letter, in a word of so many letters.
_TWO, _TWO_LETTERS = 2.0, 4
_MANY = 9
_LETTER_COUNT = 26
_RANK = 60.0
# A rarer word of one or two letters is an abbreviation, or a slip in the prose.
_SHORT, _SHORT_RANK = 2, 3000
_COMMON = 3000


class Spelling:
    """Reads only; one object serves every thread."""

    def __init__(self, tables: Tables) -> None:
        self._rank = tables.vocabulary
        self._joined = {one.replace(" ", "").replace("'", ""): one for one in _JOINED}
        self._rare = tables.rare
        self._misspelt = {**tables.misspelt, **self._joined}
        self._long = [word for word in self._rank if len(word) >= _TWO_LETTERS - 1 and word.isalpha()]
        self._letters_VL = _letters(self._long)
        self._initials_V = np.array([word[0] for word in self._long], dtype="U1")

    def knows(self, word: str) -> bool:
        """Whether ``word``, in small letters, is a word."""
        rank = self._rank.get(word)
        return rank is not None and word not in self._joined and (len(word) > _SHORT or rank < _SHORT_RANK)

    def lists(self, word: str) -> bool:
        """Whether ``word``, in small letters, is a known misspelling."""
        return word in self._misspelt

    def is_rare(self, word: str) -> bool:
        """Whether ``word``, in small letters, is right though the vocabulary does not have it."""
        return word in self._rare

    def parts(self, word: str) -> Sequence[str]:
        """The words that ``word``, in small letters, runs together."""
        return self._joined.get(word, "").split()

    def candidates(self, word: str, most: int = 8) -> list[tuple[str, float]]:
        """The likeliest right words for ``word``, in small letters, with their shares, together at most 1.

        Two words, and the parts of a contraction, stand apart.
        """
        weights: defaultdict[str, float] = defaultdict(float)
        if known := self._misspelt.get(word):
            weights[known] = _LACKING if word in self._joined else _KNOWN
        if len(word) > 2:
            for near, slip in _one_slip(word):
                if near in self._rank:
                    weights[near] = max(weights[near], slip * _SLIP * self._frequency(near))
            if len(word) >= _TWO_LETTERS and word.isalpha() and word.isascii():
                for near in self._two_slips(word):
                    weights.setdefault(near, _TWO * self._frequency(near))
        for cut in range(1, len(word)):
            left, right = word[:cut], word[cut:]
            if self._rank.get(left, _COMMON) < _COMMON and self._rank.get(right, _COMMON) < _COMMON:
                whole = 1.0 if min(len(left), len(right)) > 1 else _LONE_LETTER
                weights[f"{left} {right}"] += _SPLIT * whole * self._frequency(left) * self._frequency(right)
        total = sum(weights.values()) + _NONE
        best = sorted(weights.items(), key=lambda pair: -pair[1])[:most]
        return [(near, weight / total) for near, weight in best]

    def _two_slips(self, word: str) -> Iterator[str]:
        """Every word at most two slips away that begins alike."""
        # A changed letter counts twice.
        far_V = np.abs(self._letters_VL - _letters([word])).sum(axis=1, dtype=np.int16)
        for at in np.flatnonzero((far_V <= 4) & (self._initials_V == word[0])).tolist():
            near = self._long[at]
            if abs(len(near) - len(word)) <= 2 and _slips(word, near) <= 2:
                yield near

    def _frequency(self, word: str) -> float:
        """In proportion, by Zipf's law."""
        return 1 / (self._rank[word] + _RANK)


def _one_slip(word: str) -> Iterator[tuple[str, float]]:
    """Every string one slip away, and how likely the slip is against others."""
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        inside = _INSIDE if at else 1.0
        beside = {word[at - 1 : at], word[at + 1 : at + 2]}
        if tail:
            yield head + tail[1:], inside * (_USUAL if tail[0] in beside else 1.0)
        if len(tail) > 1 and tail[0] != tail[1]:
            yield head + tail[1] + tail[0] + tail[2:], inside * _USUAL
        for letter in _LETTERS:
            is_vowel = letter in _VOWELS
            if tail and letter != tail[0]:
                yield head + letter + tail[1:], inside * (_USUAL if is_vowel and tail[0] in _VOWELS else 1.0)
            is_double = letter in (word[at - 1 : at], tail[:1])
            yield head + letter + tail, inside * (_USUAL if is_vowel or is_double else 1.0)


def _letters(words: Sequence[str]) -> NDArray[np.int8]:
    """(V, L) how often each letter is in each word; more than _MANY need not be told apart."""
    counts_VL = np.zeros((len(words), _LETTER_COUNT), dtype=np.int32)
    codes = np.frombuffer("".join(words).encode(), dtype=np.uint8) - ord("a")
    np.add.at(counts_VL, (np.repeat(np.arange(len(words)), [len(word) for word in words]), codes), 1)
    return np.minimum(counts_VL, _MANY).astype(np.int8)


def _slips(word: str, near: str) -> int:
    """How many slips lead from one word to the other."""
    before: list[int] = []
    last = list(range(len(near) + 1))
    for row, letter in enumerate(word, start=1):
        line = [row]
        for column, other in enumerate(near, start=1):
            best = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == near[column - 2] and other == word[row - 2]:
                best = min(best, before[column - 2] + 1)
            line.append(best)
        before, last = last, line
    return last[-1]
