"""The words of an index segment as sorted text: which of them begin alike, hold a part, or are spelled almost so.

The postings know fingerprints only; here are the words themselves, folded: in small letters and, as keys, without
accents. Identifiers, numbers and scripts without spaces have no entry. Knows words and fingerprints, not passages.
W words, B bytes of their text, T terms.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from retrieval.terms import is_word

_LINE_END: Final = b"\n"
_BEHIND: Final = b"\xff"  # greater than every byte of UTF-8
_LETTERS_WITHOUT_ACCENT: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_ACCENTS: Final = re.compile("(?<=[a-z\u03b1-\u03c9])[\u0300-\u036f]+")


def without_accents(word: str) -> str:
    """A word in small letters without the accents of Latin and Greek ones; in other scripts marks are letters."""
    if word.isascii():
        return word
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", word.translate(_LETTERS_WITHOUT_ACCENT)))
    return unicodedata.normalize("NFC", plain)


class Vocabulary:
    """Words in the order of their keys. Immutable.

    A line of ``text`` is the key and, where the word differs from it, a tab and the word; ``terms_W`` are the
    fingerprints of the words, by which postings know them.
    """

    def __init__(self, text: bytes, terms_W: NDArray[np.uint64]) -> None:
        """Raises ValueError if there are not as many lines as fingerprints."""
        if text.count(_LINE_END) != len(terms_W) or not text.endswith(_LINE_END if len(terms_W) else b""):
            raise ValueError("its words are not those of its postings")
        self.text = text
        self.terms_W = terms_W

    def __len__(self) -> int:
        return len(self.terms_W)

    @classmethod
    def of(cls, terms: Iterable[str], fingerprints: NDArray[np.uint64]) -> Vocabulary:
        """The words among distinct terms; the fingerprints (T) are those of all the terms."""
        lines = {_line(term): fingerprints[at] for at, term in enumerate(terms) if is_word(term)}
        return cls._of_lines(lines)

    @classmethod
    def merged(cls, vocabularies: Sequence[Vocabulary], terms_V: NDArray[np.uint64]) -> Vocabulary:
        """The words of all of them whose fingerprints are among ``terms_V``, which is sorted."""
        lines: dict[bytes, np.uint64] = {}
        for vocabulary in vocabularies:
            remains_W = _among(vocabulary.terms_W, terms_V)
            if remains_W.all() and len(vocabularies) == 1:
                return vocabulary
            own = zip(vocabulary.text.split(_LINE_END), vocabulary.terms_W, remains_W.tolist(), strict=False)
            lines.update((line, term) for line, term, remains in own if remains)
        return cls._of_lines(lines)

    @classmethod
    def _of_lines(cls, lines: dict[bytes, np.uint64]) -> Vocabulary:
        ordered = sorted(lines)
        terms_W = np.fromiter((lines[line] for line in ordered), dtype=np.uint64, count=len(ordered))
        return cls(b"".join(line + _LINE_END for line in ordered), terms_W)

    def belongs_to(self, terms_V: NDArray[np.uint64]) -> bool:
        """Whether all its words are among ``terms_V``, which is sorted."""
        return bool(_among(self.terms_W, terms_V).all())

    def beginning(self, start: str) -> list[str]:
        """The words whose keys begin with ``start``, in order."""
        head = start.encode()
        first, end = self._place(head), self._place(head + _BEHIND)
        lines = self.text[self._starts[first] : self._starts[end]].decode().split("\n")[:-1]
        return [line.rsplit("\t", 1)[-1] for line in lines]

    def with_key(self, key: str) -> list[str]:
        """The words that are ``key`` but for their accents."""
        line, words = key.encode(), []
        place = self._place(line)
        while place < len(self) and (found := self._line_at(place)).split(b"\t")[0] == line:
            words.append(_word(found))
            place += 1
        return words

    def holding(self, part: str, most: int) -> list[str]:
        """At most ``most`` words, of which some may differ in accents alone, whose keys hold ``part``."""
        sought, words, at = part.encode(), list[str](), -1
        while len(words) < most and (at := self.text.find(sought, at + 1)) >= 0:
            place = int(np.searchsorted(self._starts_W, at, side="right")) - 1
            line = self._line_at(place)
            if sought in line.split(b"\t")[0]:
                words.append(_word(line))
            at = self._starts[place + 1] - 1
        return words

    def near(self, key: str, slips: int) -> list[tuple[str, int]]:
        """The words whose keys are at most ``slips`` slips away, and how many each is.

        A slip is a letter put in, left out or changed, or two neighbours swapped (Damerau 1964, as optimal string
        alignment: no letter is touched twice).
        """
        if not len(self):
            return []
        sets_W, sizes_W = self._letters
        alike_W = np.bitwise_count(sets_W ^ _letters_of(key.encode())) <= 2 * slips
        alike_W &= np.abs(sizes_W - len(key)) <= slips
        found = []
        for place in np.flatnonzero(alike_W).tolist():
            line = self._line_at(place)
            distance = OSA.distance(line.split(b"\t")[0].decode(), key, score_cutoff=slips)
            if distance <= slips:
                found.append((_word(line), distance))
        return found

    @cached_property
    def _starts_W(self) -> NDArray[np.int64]:
        """Where each line begins, and the end of the last."""
        ends = np.flatnonzero(np.frombuffer(self.text, dtype=np.uint8) == _LINE_END[0]) + 1
        return np.concatenate([[0], ends]).astype(np.int64)

    @cached_property
    def _starts(self) -> memoryview:
        """The same; a single one of them is read faster here."""
        return self._starts_W.data

    @cached_property
    def _letters(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """For each word the set of the letters of its key, as bits, and their number."""
        if not len(self):
            return np.zeros(0, np.uint32), np.zeros(0, np.int64)
        text_B = np.frombuffer(self.text, dtype=np.uint8)
        sets_W = np.bitwise_or.reduceat(_BIT_OF_BYTE[text_B], self._starts_W[:-1])
        sizes_W = np.add.reduceat((text_B & 0xC0) != 0x80, self._starts_W[:-1], dtype=np.int64) - 1
        tabs = np.flatnonzero(text_B == ord("\t"))
        for place in (np.searchsorted(self._starts_W, tabs, side="right") - 1).tolist():
            key = self._line_at(place).split(b"\t")[0]
            sets_W[place], sizes_W[place] = _letters_of(key), len(key.decode())
        return sets_W, sizes_W

    def _place(self, line: bytes) -> int:
        return bisect_left(range(len(self)), line, key=self._line_at)

    def _line_at(self, place: int) -> bytes:
        return self.text[self._starts[place] : self._starts[place + 1] - 1]


def _line(word: str) -> bytes:
    key = without_accents(word)
    line = key if key == word else f"{key}\t{word}"
    return line.encode()


def _word(line: bytes) -> str:
    return line.rsplit(b"\t", 1)[-1].decode()


def _among(terms: NDArray[np.uint64], terms_V: NDArray[np.uint64]) -> NDArray[np.bool_]:
    if not len(terms_V):
        return np.zeros(len(terms), dtype=np.bool_)
    are_there: NDArray[np.bool_] = terms_V[np.searchsorted(terms_V, terms).clip(max=len(terms_V) - 1)] == terms
    return are_there


def _bits() -> Iterator[int]:
    """A bit for each letter from a to z, and one for all others: a slip changes at most two."""
    for byte in range(256):
        if chr(byte) in "abcdefghijklmnopqrstuvwxyz":
            yield 1 << (byte - ord("a"))
        else:
            yield 0 if byte in b"\n" else 1 << 26


_BIT_OF_BYTE: Final = np.array(list(_bits()), dtype=np.uint32)


def _letters_of(key: bytes) -> np.uint32:
    return np.uint32(np.bitwise_or.reduce(_BIT_OF_BYTE[np.frombuffer(key, dtype=np.uint8)], initial=np.uint32(0)))
