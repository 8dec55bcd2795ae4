"""What is known of the English words of a question: right ones, what misspelt ones may mean, what may be a name.

A ``retrieval.spelling.EnglishWords``. Knows words only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from app.likely_edits.spelling import Spelling
from app.likely_edits.tables import Tables, read_tables
from retrieval.postings import fingerprints
from retrieval.vocabulary import Vocabulary

_BEGINNINGS: Final = ("un", "re", "non", "pre", "over", "under", "mis")
_ENDINGS: Final = tuple("s es ed ing er ers or ors ness able less ful fully ly ish ist ists ism".split())
_ENDINGS_OF_E: Final = ("ing", "ed", "er", "ers", "or", "ors", "able", "ish", "ist", "ists", "ism")
_SHORTEST_BASE: Final = 4
_SELDOM: Final = 3  # words that have three letters in a row, for these to be usual
_EDGE: Final = "^"


class KnownWords:
    """Reads only; one object serves every thread. The words are read when they are first needed."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def knows(self, word: str) -> bool:
        """Whether it is a word, or a contraction that lacks its apostrophe."""
        spelling = self._spelling
        return spelling.knows(word) or self._is_rare(word) or bool(spelling.parts(word)) or "'" in word

    def is_made_of_known(self, word: str) -> bool:
        """Whether it is a known word with a usual beginning or ending, or two known words."""
        if self._spelling.lists(word):
            return False
        bases = [word.removeprefix(beginning) for beginning in _BEGINNINGS if word.startswith(beginning)]
        for ending in filter(word.endswith, _ENDINGS):
            base = word.removesuffix(ending)
            bases.append(f"{base}e" if ending in _ENDINGS_OF_E else base)
            bases.append(base[:-1] if base[-1:] == base[-2:-1] else base)
        if any(len(base) >= _SHORTEST_BASE and self._spelling.knows(base) for base in bases):
            return True
        cuts = range(_SHORTEST_BASE, len(word) - _SHORTEST_BASE + 1)
        return any(self._spelling.knows(word[:cut]) and self._spelling.knows(word[cut:]) for cut in cuts)

    def looks_right(self, word: str) -> bool:
        """Whether each three letters of it stand together in some words that are known."""
        return all(self._usual[three] >= _SELDOM for three in _threes(word))

    def listed(self, word: str) -> str | None:
        """The right word of a known misspelling."""
        return self._tables.misspelt.get(word)

    def near(self, word: str, slips: int) -> Sequence[tuple[str, int]]:
        """The words at most ``slips`` away, each with its distance."""
        return self._vocabulary.near(word, slips)

    def rank(self, word: str) -> int | None:
        """The place of a word among all by their frequency; None if it has none."""
        return self._tables.vocabulary.get(word)

    def _is_rare(self, word: str) -> bool:
        return self._spelling.is_rare(word) and not self._spelling.lists(word)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        words = list(self._tables.vocabulary)
        return Vocabulary.of(words, fingerprints(words))

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self._tables)

    @cached_property
    def _usual(self) -> Counter[str]:
        return Counter(three for word in self._tables.vocabulary for three in set(_threes(word)))

    @cached_property
    def _tables(self) -> Tables:
        return read_tables(self._file)


def _threes(word: str) -> list[str]:
    inside = f"{_EDGE}{word}{_EDGE}"
    return [inside[at : at + 3] for at in range(len(inside) - 2)]
