"""Changes: what the correction of a text may write instead, and how likely each is.

The tagger says what may be done at each word, the word forms and the spelling with which word. Knows English text,
never tokens. W words, T tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.likely_edits import tags
from app.likely_edits.spelling import Spelling
from app.likely_edits.tables import Tables
from app.likely_edits.tagger import Tagger
from app.likely_edits.words import Word, words_of

_LEAST = 0.004
# The corruptions that the tagger learned from are not those that people make: each kind's odds in their texts.
_SCALE = {"insert": 1.3, "replace": 0.8, "form": 1.2, "drop": 0.6, "case": 1.5, "spell": 2.0}
_COMMA = 4.0
# An unknown word in small letters is misspelt this often at least; where so many are, the text is not English.
_UNKNOWN = 0.8
_FOREIGN = 0.34
# A word written twice is a slip this often at least.
_DOUBLED = 0.6
_TAGS = tuple(tag.partition(":")[::2] for tag in tags.TAGS)
_DROP, _SPELL = tags.TAGS.index(tags.DROP), tags.TAGS.index(tags.SPELL)


@dataclass(frozen=True, slots=True)
class Change:
    """The characters ``[start, end)`` of a text become ``new``."""

    start: int
    end: int
    new: str
    chance: float


class Changes:
    """Reads only; one object serves every thread."""

    def __init__(self, tables: Tables) -> None:
        self._families = tables.families
        self._spelling = Spelling(tables)
        self._tagger = Tagger(tables)

    def of(self, text: str) -> tuple[list[Word], list[float], list[Change]]:
        """The words of a text, the chance of each to be left out, and what else may change."""
        words = words_of(text)
        unknown = [at for at, word in enumerate(words) if word.text.isalpha() and not self._spelling.knows(word.lower)]
        if len(unknown) > max(2.0, _FOREIGN * len(words)):
            return words, [0.0] * len(words), []
        chances_WT = self._tagger.tag(words)
        changes = [*self._tagged(text, words, chances_WT)]
        for at in unknown:
            spell = min(1.0, float(chances_WT[at, _SPELL]) * _SCALE["spell"])
            chance = spell if at and words[at].text[0].isupper() else max(spell, _UNKNOWN)
            changes += self._spelt(words[at], chance, spaced=_is_spaced(text))
        return words, _dropped(words, chances_WT[:-1, _DROP]), changes

    def _tagged(self, text: str, words: Sequence[Word], chances_WT: NDArray[np.float32]) -> Iterator[Change]:
        spaced = _is_spaced(text)
        for at, tag in zip(*(places.tolist() for places in np.nonzero(chances_WT > _LEAST)), strict=True):
            kind, what = _TAGS[tag]
            scale = _COMMA if (kind, what) == ("insert", ",") else _SCALE.get(kind, 0.0)
            chance = min(1.0, float(chances_WT[at, tag]) * scale)
            if kind == "insert" and words:
                yield _insertion(words, at, what, chance, spaced=spaced)
            elif at < len(words):
                for new, share in self._instead(words[at], kind, what):
                    yield Change(words[at].start, words[at].end, new, chance * share)

    def _instead(self, word: Word, kind: str, what: str) -> Iterator[tuple[str, float]]:
        """What a tag writes instead of a word, with shares."""
        if kind == "replace" and what != word.lower:
            yield tags.like(word.text, what), 1.0
        elif kind == "case":
            yield tags.flipped(word.text), 1.0
        elif kind == "form":
            for rank, form in enumerate(tags.forms(word.text, what, self._families), start=1):
                yield form, 1 / rank

    def _spelt(self, word: Word, chance: float, *, spaced: bool) -> Iterator[Change]:
        for near, share in self._spelling.candidates(word.lower):
            right = near if spaced else near.replace(" n't", "n't").replace(" '", "'")
            yield Change(word.start, word.end, tags.like(word.text, right), chance * share)


def _dropped(words: Sequence[Word], chances_W: NDArray[np.float32]) -> list[float]:
    """Chances to be left out. Of a word written twice it is the second, not either."""
    dropped = [float(chance) * _SCALE["drop"] for chance in chances_W]
    for at in range(1, len(words)):
        if words[at].lower == words[at - 1].lower and words[at].text.isalpha():
            dropped[at - 1], dropped[at] = 0.0, max(dropped[at], _DOUBLED)
    return dropped


def _is_spaced(text: str) -> bool:
    """Whether marks stand alone, as in corpora: "do n't stop ."."""
    return any(mark in text for mark in (" .", " ,", " n't"))


def _insertion(words: Sequence[Word], at: int, what: str, chance: float, *, spaced: bool) -> Change:
    """Before word ``at``; the first word gives its capital away."""
    if at == 0:
        first = words[0]
        return Change(first.start, first.end, f"{what.capitalize()} {tags.lowered(first.text)}", chance)
    place = words[at - 1].end
    is_tight = not what[0].isalpha() or what == "n't"
    return Change(place, place, what if is_tight and not spaced else f" {what}", chance)
