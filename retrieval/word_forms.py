"""The other forms of a question's word that a corpus has: by stem, without accents, in compounds.

A passage is indexed by its words as they are written; which of them count for a word of a question is decided when it
is asked, with the stemmers (Snowball) of the languages in question. Knows words and vocabularies, not passages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import Stemmer

from retrieval.terms import is_frame, is_word
from retrieval.vocabulary import Vocabulary, without_accents

SAME_LETTERS: Final = 0.9
SAME_STEM: Final = 0.7
COMPOUND: Final = 0.4
"""How much an occurrence of another form counts against one of the word itself."""

_SHORTEST: Final = 3  # letters of a word that has forms
_COMPOUNDING: Final = frozenset({"German", "Dutch", "Swedish"})
_SHORTEST_PART: Final = 4  # letters of a part of a compound
_MOST_COMPOUNDS: Final = 64
_LINKS: Final = ("", "s", "es", "n", "en", "er", "e")  # what stands between the parts of a compound
_ALGORITHMS: Final = {
    "English": "english", "German": "german", "French": "french", "Spanish": "spanish", "Italian": "italian",
    "Portuguese": "portuguese", "Dutch": "dutch", "Polish": "polish", "Swedish": "swedish", "Turkish": "turkish",
    "Indonesian": "indonesian", "Russian or another Cyrillic language": "russian", "Greek": "greek",
    "Arabic or Persian": "arabic", "Hindi": "hindi", "Tamil": "tamil", "Armenian": "armenian",
}  # fmt: skip


class WordForms:
    """Finds forms by the stemmers of some languages, as ``retrieval.language`` calls them. For one thread at a time."""

    def __init__(self, languages: Iterable[str]) -> None:
        known = [language for language in dict.fromkeys(languages) if language in _ALGORITHMS]
        self._stemmers = [_stemmer(_ALGORITHMS[language]) for language in known]
        self._has_compounds = not _COMPOUNDING.isdisjoint(known)

    def of(self, word: str, vocabularies: Sequence[Vocabulary]) -> dict[str, float]:
        """The words of the vocabularies that count for ``word``, with their weights; not ``word`` itself."""
        if len(word) < _SHORTEST or is_frame(word) or not is_word(word):
            return {}
        forms: dict[str, float] = {}
        for vocabulary in vocabularies:
            if self._has_compounds:
                forms |= dict.fromkeys(self._compounds(word, vocabulary), COMPOUND)
            forms |= dict.fromkeys(self._same_stem(word, vocabulary), SAME_STEM)
            forms |= dict.fromkeys(vocabulary.with_key(without_accents(word)), SAME_LETTERS)
        forms.pop(word, None)
        return forms

    def parts(self, word: str, vocabularies: Sequence[Vocabulary]) -> tuple[str, ...]:
        """The words of the vocabularies that a compound is made of; none if it is none, or not all are known."""
        if not self._has_compounds or not is_word(word):
            return ()
        key = without_accents(word)
        for cut in range(len(key) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            tail = _known(key[cut:], vocabularies)
            if tail is None:
                continue
            for link in _LINKS:
                head = key[:cut].removesuffix(link) if key[:cut].endswith(link) else ""
                if len(head) >= _SHORTEST_PART and (first := _known(head, vocabularies)) is not None:
                    return first, tail
        return ()

    def _same_stem(self, word: str, vocabulary: Vocabulary) -> Iterable[str]:
        for stemmer in self._stemmers:
            stem = without_accents(stemmer.stemWord(word))
            start = without_accents(word)[: max(_SHORTEST, len(stem) - 1)]
            alike = vocabulary.beginning(start)
            stems = stemmer.stemWords(alike)
            for found, own in zip(alike, stems, strict=True):
                if own == stem or (not own.isascii() and without_accents(own) == stem):
                    yield found

    def _compounds(self, word: str, vocabulary: Vocabulary) -> Iterable[str]:
        """Words that begin or end with this one, or with its stem."""
        stem = without_accents(self._stemmers[0].stemWord(word)) if self._stemmers else word
        if len(stem) < _SHORTEST_PART:
            return
        for found in vocabulary.holding(stem, _MOST_COMPOUNDS):
            key = without_accents(found)
            rest = key.removeprefix(stem) if key.startswith(stem) else key[: key.rfind(stem)]
            if len(rest) >= _SHORTEST_PART - 1 and (key.startswith(stem) or len(key) - len(rest) - len(stem) <= 2):
                yield found


def stems(words: Sequence[str], language: str) -> list[str]:
    """The stems of words of a language, without accents; the words themselves where no stemmer knows it."""
    algorithm = _ALGORITHMS.get(language)
    found = words if algorithm is None else _stemmer(algorithm).stemWords(list(words))
    return [without_accents(stem) for stem in found]


def _known(key: str, vocabularies: Sequence[Vocabulary]) -> str | None:
    return next((words[0] for vocabulary in vocabularies if (words := vocabulary.with_key(key))), None)


@cache
def _stemmer(algorithm: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(algorithm)
