"""A text as words for the edit tagger, and the features of words that it reads.

Letters are apart from marks, contractions are cut ("don't" -> "do", "n't"). The features of a word are the indices of
name, shape and class of each place around it. Knows the spelling of English words only. Must not know tokens, models
or what an edit is. F features: PARTS of each of the 2 * RADIUS + 1 places.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(
    r"[A-Za-z]+(?=n['’]t\b)|n['’]t\b|['’](?:s|re|ve|ll|d|m)\b|[A-Za-z]+(?:-[A-Za-z]+)*|\d+(?:[.,]\d+)*|\S",
)
_SUFFIXES = ("ings", "ing", "ed", "ies", "es", "ers", "er", "est", "ly", "tion", "ness", "ment", "able", "ful", "s")

RADIUS, PARTS = 3, 3
"""Words on either side of a word that the tagger reads; name, shape and class of each."""
NO_SHAPE = 3
EDGE = "<edge>"
"""Stands before the first word and behind the last."""

SHAPES = tuple(f"<{case}:{start}>" for start in ("consonant", "vowel") for case in ("lower", "Upper", "ALL", "none"))
"""Capitals and whether a vowel begins the word, which decides between "a" and "an"."""
RARE, UNKNOWN = "<rare>", "<unknown>"
CLASSES = (EDGE, RARE, UNKNOWN, "<number>", "<mark>", "<word>", "<short>", *(f"<-{suffix}>" for suffix in _SUFFIXES))
"""What stands for a word that the vocabulary does not have, and beside one that it has."""
MAY_STAND_TWICE = frozenset(("that", "had", "is"))
"""Words that sentences double: "all that that means"; any other word written twice is a slip."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its place ``[start, end)`` in the text."""

    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """Small letters, straight apostrophe."""
        return self.text.lower().replace("’", "'")


def words_of(text: str) -> list[Word]:
    """The words of ``text`` in order."""
    return [Word(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]


def shape_of(word: str) -> int:
    """Index in SHAPES."""
    if not word[:1].isalpha():
        return NO_SHAPE
    case = 0 if word[0].islower() else 2 if len(word) > 1 and word.isupper() else 1
    return case + (4 if word[0].lower() in "aeiou" else 0)


def class_of(lower: str) -> str:
    """The one of CLASSES that a word in small letters is of."""
    if lower[:1].isdigit():
        return "<number>"
    if not lower[:1].isalpha():
        return "<mark>"
    if len(lower) < 4:
        return "<short>"
    return next((f"<-{suffix}>" for suffix in _SUFFIXES if lower.endswith(suffix)), "<word>")


def letters_alike(old: str, new: str) -> bool:
    """Whether most pairs of neighbouring letters are the same."""
    ours, others = (set(zip(f"^{word}", f"{word}$", strict=True)) for word in (old, new))
    return 2 * len(ours & others) >= 0.5 * (len(ours) + len(others))


def names_of(vocabulary: Mapping[str, int], count: int) -> list[str]:
    """What has an embedding: shapes, classes, marks and the ``count`` most frequent words."""
    marks = [mark for mark in ".,?!;:-\"'()" if mark not in vocabulary]
    parts = [part for part in ("n't", "'s", "'re", "'ve", "'ll", "'d", "'m") if part not in vocabulary]
    return [*SHAPES, *CLASSES, *marks, *parts, *sorted(vocabulary, key=vocabulary.__getitem__)[:count]]


def features_of(words: Sequence[Word], names: Mapping[str, int], known: Container[str]) -> NDArray[np.int32]:
    """(words + 1, F) indices; the last row is the place behind the last word."""
    rare, unknown = names[RARE], names[UNKNOWN]
    edge = (names[EDGE], NO_SHAPE, names[EDGE])
    padded = [edge] * RADIUS
    for word in words:
        small = word.lower
        name = names.get(small) or (rare if small in known else unknown)
        padded.append((name, shape_of(word.text), names[class_of(small)]))
    padded += [edge] * (RADIUS + 1)
    parts_N3 = np.asarray(padded, dtype=np.int32)
    windows_W3P = np.lib.stride_tricks.sliding_window_view(parts_N3, 2 * RADIUS + 1, axis=0)
    return np.ascontiguousarray(windows_W3P.transpose(0, 2, 1).reshape(len(words) + 1, -1))
