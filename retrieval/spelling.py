"""Questions in the spelling of a corpus: words that it does not have, and that are no English words, as those meant.

A word that only a slip separates from one of the corpus stands for that one; what was run together is taken apart, what
was cut is joined, and the small words that frame a question are put right. What a question names is left as it is:
numbers, identifiers and what is quoted always; a name becomes another only where it can hardly be one itself, since
"Petersen" is not "Peterson". Where several words may be meant, nothing is mended.

Knows words and how often a corpus has them, not passages or vectors. A slip is a letter put in, left out or changed, or
two neighbours swapped (F. J. Damerau: A technique for computer detection and correction of spelling errors, CACM 1964).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from retrieval.interfaces import Mended, Spelled
from retrieval.language import is_foreign
from retrieval.terms import is_frame
from retrieval.vocabulary import without_accents


class EnglishWords(Protocol):
    """What is known of English words; all in small letters."""

    def knows(self, word: str) -> bool:
        """Whether it is a word."""
        ...

    def is_made_of_known(self, word: str) -> bool:
        """Whether it is made of words, as ``sorter`` and ``playlist`` are."""
        ...

    def looks_right(self, word: str) -> bool:
        """Whether its letters follow one another as in a word, so that it may be a name."""
        ...

    def listed(self, word: str) -> str | None:
        """The right word of a known misspelling."""
        ...

    def near(self, word: str, slips: int) -> Sequence[tuple[str, int]]:
        """The words at most ``slips`` away, each with its distance."""
        ...

    def rank(self, word: str) -> int | None:
        """The place of a word among all by their frequency; None if it has none."""
        ...


class CorpusWords(Protocol):
    """The words of a corpus; all in small letters."""

    def has(self, word: str) -> bool:
        """Whether it, or another form of it, is there."""
        ...

    def frequency(self, word: str) -> int:
        """The number of passages that have it."""
        ...

    def near(self, word: str, slips: int) -> Sequence[tuple[str, int]]:
        """The words at most ``slips`` away, each with its distance."""
        ...

    def is_only_a_name(self, word: str) -> bool:
        """Whether it begins with a capital wherever it is written."""
        ...


_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_QUOTED: Final = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]")
# What stands in such a run of characters is an identifier, a path, an address or a number.
_IDENTIFIER: Final = re.compile(r"\S*(?:[\d_@#/\\=<>]|\w\.\w|\w\(|[a-z][A-Z]|::)\S*")
_FRAMES: Final = {
    "wen": "when", "wehn": "when", "whn": "when", "whne": "when", "hwen": "when", "wat": "what", "waht": "what",
    "whta": "what", "hwat": "what", "wht": "what", "wich": "which", "whcih": "which", "wher": "where", "whre": "where",
    "wehre": "where", "were's": "where's", "hwo": "how", "ohw": "how", "woh": "who", "teh": "the", "hte": "the",
    "deos": "does", "dos": "does", "doe": "does", "od": "do", "si": "is", "si't": "is it", "arre": "are", "cna": "can",
    "acn": "can", "becuase": "because", "becasue": "because", "mutch": "much", "muhc": "much", "meny": "many",
    "mnay": "many", "manny": "many", "ofr": "for", "fro": "for", "wiht": "with", "thier": "their", "tehre": "there",
}  # fmt: skip
"""Slips in small words, some of which are words themselves."""
_ASKS: Final = frozenset("when where why how wen wehn wher hwo".split())
_ASKS_FOR: Final = frozenset("what wat waht which wich".split())
_POINTS: Final = frozenset("the a an it he she they we you i this that these those my our your".split())
_SHORTEST: Final = 4
_LONGEST_ACRONYM: Final = 5
_SHORTEST_FOREIGN: Final = 6
_TWO_SLIPS: Final = 6  # letters of a word in which there may be two
_SHORTEST_ELSEWHERE: Final = 6  # letters of a slip in a word that the corpus does not have
_SHORTEST_JOINED: Final = 6
_SHORTEST_PART: Final = 3
# Weights against each other: a known misspelling, a word by its frequency in English, one that the corpus has, too,
# a second slip, an unlikely slip; that none is meant.
_LISTED, _FREQUENT, _IN_CORPUS, _SECOND, _UNLIKELY, _NONE = 0.5, 1000.0, 20.0, 0.01, 0.02, 0.15
_RANK, _UNRANKED = 1000.0, 10_000
_SURE: Final = 0.6
_LONG: Final = 8  # letters of a word that hardly is another's neighbour by chance
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ALIKE: Final = ("aeiouy", "ckqx", "csz", "fv", "dt", "bp", "gj", "mn", "ij", "vw")


class Spelling:
    """Puts questions into the spelling of one state of a corpus."""

    def __init__(self, corpus: CorpusWords, english: EnglishWords) -> None:
        self._corpus = corpus
        self._english = english

    def __call__(self, question: str) -> Spelled:
        """The question with the words that it most likely means."""
        tokens = _words_of(question)
        is_english = not is_foreign(question)
        pieces: list[str] = []
        mended: list[Mended] = []
        end = at = 0
        while at < len(tokens):
            meant, taken = self._meant(tokens, at, is_english), 1
            if meant is None and (joined := self._joined(tokens, at, question)) is not None:
                meant, taken = joined, 2
            if meant is not None:
                start, stop = tokens[at].start, tokens[at + taken - 1].end
                meant = _in_the_case_of(meant, tokens[at].text)
                mended.append(Mended(question[start:stop], meant))
                pieces += [question[end:start], meant]
                end = stop
            at += taken
        return Spelled("".join([*pieces, question[end:]]), tuple(mended))

    def _meant(self, tokens: Sequence[_Token], at: int, is_english: bool) -> str | None:
        """What one word means; None if it is right, or nobody can say."""
        token = tokens[at]
        word = token.small
        if is_english and (frame := self._frame(tokens, at)) is not None:
            return frame
        if token.is_fixed or len(word) < _SHORTEST or self._is_right(word, is_english):
            return None
        if (parts := self._apart(word, is_english)) is not None:
            return parts
        if is_english and self._english.is_made_of_known(word):
            return None
        return self._nearest(token, is_english)

    def _frame(self, tokens: Sequence[_Token], at: int) -> str | None:
        """The small word that is meant by one that the corpus does not have."""
        word = tokens[at].small
        before = tokens[at - 1].small if at else ""
        after = tokens[at + 1].small if at + 1 < len(tokens) else ""
        if word == "dose":
            has_dose = bool(self._corpus.frequency(word))  # "what dose" may be asked for, "when dose" is not
            is_verb = before in _ASKS or (before in _ASKS_FOR and after in _POINTS and not has_dose)
            return "does" if is_verb else None
        meant = _FRAMES.get(word)
        if meant is None or tokens[at].is_fixed or self._corpus.frequency(word):
            return None
        return meant

    def _is_right(self, word: str, is_english: bool) -> bool:
        return self._corpus.has(word) or (is_english and (is_frame(word) or self._english.knows(word)))

    def _apart(self, word: str, is_english: bool) -> str | None:
        """Two words that were run together, of which the corpus has both."""
        if self._english.listed(word) is not None and is_english:
            return None
        for cut in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            parts = word[:cut], word[cut:]
            if all(map(self._corpus.frequency, parts)) and (
                not is_english or all(self._english.rank(part) is not None for part in parts)
            ):
                return " ".join(parts)
        return None

    def _joined(self, tokens: Sequence[_Token], at: int, question: str) -> str | None:
        """The word that was cut in two, if the corpus has it, but not both of its halves."""
        if at + 1 >= len(tokens) or question[tokens[at].end : tokens[at + 1].start] not in (" ", "-"):
            return None
        pair = tokens[at : at + 2]
        word = "".join(token.small for token in pair)
        if len(word) < _SHORTEST_JOINED or any(token.is_fixed or is_frame(token.small) for token in pair):
            return None
        if all(self._corpus.frequency(token.small) for token in pair):
            return None
        return word if self._corpus.frequency(word) else None

    def _nearest(self, token: _Token, is_english: bool) -> str | None:
        """The one word that is likely meant, by the corpus and by English."""
        word = token.small
        slips = 2 if len(word) >= _TWO_SLIPS else 1
        found = dict(self._corpus.near(without_accents(word), slips))
        if is_english and word.isascii():
            found = dict(self._english.near(word, slips)) | found
        weights = {near: self._weight(token, near, distance, is_english) for near, distance in found.items()}
        listed = self._english.listed(word) if is_english else None
        if listed is not None and " " not in listed:
            weights[listed] = _LISTED * (_IN_CORPUS if self._corpus.has(listed) else 1)
        best = max(weights, key=lambda near: (weights[near], near), default=None)
        if best is None or weights[best] < _SURE * (sum(weights.values()) + _NONE):
            return None
        is_known = self._corpus.has(best) or best == listed
        return best if is_known or len(word) >= _SHORTEST_ELSEWHERE else None

    def _weight(self, token: _Token, near: str, distance: int, is_english: bool) -> float:
        """How likely a word is meant, against others."""
        rank = self._english.rank(near) if is_english else None
        is_there = bool(self._corpus.frequency(near)) or (rank is not None and self._corpus.has(near))
        if not is_english and not (
            distance == 1 and len(token.small) >= _SHORTEST_FOREIGN and _is_mere_slip(token.small, near)
        ):
            return 0.0
        if is_english and not self._may_be(token, near, distance, rank is not None, is_there):
            return 0.0
        weight = _FREQUENT / ((_UNRANKED if rank is None else rank) + _RANK)
        if distance > 1:
            return weight * _SECOND * (_IN_CORPUS if is_there else 1)
        if not _is_usual_slip(token.small, near):
            return weight * _UNLIKELY * (_IN_CORPUS if is_there and len(token.small) >= _LONG else 1)
        return weight * (_IN_CORPUS if is_there else 1)

    def _may_be(self, token: _Token, near: str, distance: int, is_ranked: bool, is_there: bool) -> bool:
        """Whether a word may be meant, or is another thing of a like name."""
        word = token.small
        if word[0] != near[0] and (distance > 1 or sorted(word[:2]) != sorted(near[:2])):
            return False
        if not (token.is_capital and not token.is_first) and (is_ranked or not self._corpus.is_only_a_name(near)):
            return True
        if distance > 1 or len(word) <= _SHORTEST or not is_there:
            return False
        return _is_swap(word, near) or not self._english.looks_right(word)


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a question at ``[start, end)``; ``is_fixed``: it must stand as it is."""

    text: str
    start: int
    end: int
    is_fixed: bool
    is_first: bool

    @property
    def small(self) -> str:
        return self.text.casefold().replace("’", "'")

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper()


def _words_of(question: str) -> list[_Token]:
    fixed = [match.span() for pattern in (_QUOTED, _IDENTIFIER) for match in pattern.finditer(question)]
    tokens: list[_Token] = []
    for match in _TOKEN.finditer(question):
        start, end = match.span()
        is_fixed = any(start < stop and begin < end for begin, stop in fixed)
        is_acronym = match[0].isupper() and len(match[0]) <= _LONGEST_ACRONYM and not question.isupper()
        tokens.append(_Token(match[0], start, end, is_fixed or is_acronym, not tokens))
    return tokens


def _in_the_case_of(meant: str, written: str) -> str:
    if len(written) > 1 and written.isupper():
        return meant.upper()
    return meant[0].upper() + meant[1:] if written[0].isupper() else meant


def _is_swap(word: str, near: str) -> bool:
    """Whether two neighbours are swapped, and nothing else."""
    differ = [at for at, (own, other) in enumerate(zip(word, near, strict=False)) if own != other]
    return len(word) == len(near) and len(differ) == 2 and differ[1] == differ[0] + 1 and sorted(word) == sorted(near)


def _is_mere_slip(word: str, near: str) -> bool:
    """Whether neighbours are swapped or a letter is doubled: all that can be told of an unknown language."""
    singles = [re.sub(r"(.)\1", r"\1", one) for one in (word, near)]
    return _is_swap(word, near) or singles[0] == singles[1]


def _is_usual_slip(word: str, near: str) -> bool:
    """Whether one slip is one that fingers or ears make, if it may be one at all: a letter left out always is."""
    if len(word) < len(near) or _is_swap(word, near):
        return True
    at = next((at for at, (own, other) in enumerate(zip(word, near, strict=False)) if own != other), len(near))
    beside = {word[at - 1 : at], word[at + 1 : at + 2]} - {""}
    if len(word) > len(near):
        return any(word[at] == other or frozenset((word[at], other)) in _NEIGHBOURS for other in beside)
    is_wrong_double = word[at] in beside and near[at] in {near[at - 1 : at], near[at + 1 : at + 2]}
    return is_wrong_double or frozenset((word[at], near[at])) in _NEIGHBOURS


def _neighbours() -> frozenset[frozenset[str]]:
    beside = [pair for row in _KEYS for pair in pairwise(row)]
    for upper, lower in pairwise(_KEYS):
        beside += [(upper[at], key) for at, key in enumerate(lower)]
        beside += [(upper[at + 1], key) for at, key in enumerate(lower) if at + 1 < len(upper)]
    alike = [(one, other) for group in _ALIKE for one in group for other in group if one != other]
    return frozenset(map(frozenset, [*beside, *alike]))


_NEIGHBOURS: Final = _neighbours()
