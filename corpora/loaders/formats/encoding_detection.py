"""Guesses an encoding that a file does not name: the one in which the bytes read as a language that uses it.

Every encoding is tried that the bytes are valid in, and judged by how sure a language model is of its language. Knows
nothing of formats; UTF-8 is none of its business.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import regex

from corpora.text.language import likeliest

_SAMPLE_BYTES = 2**16
_SURE, _BETTER_BY = 0.5, 0.05
_FOREIGN_WORD = regex.compile(r"[^\s\x00-\x7f]+")
_LETTER = regex.compile(r"[\p{L}\p{M}\p{Nd}\u00b7\u2010-\u2026\u3000-\u303f\u30fb\uff00-\uffef]")
_MANY_HIGH_BYTES = re.compile(rb"[\x80-\xff]{4,}")
_ODD_IN_LATIN = re.compile(rb"[\x81\x83\x86-\x88\x8d\x8f\x90\x98\x9d\xa4-\xa6\xa8\xac\xaf\xb4\xb8]")
# Signs above and below stand over a consonant of Thai, and a vowel that is written before one stands before one.
_NO_THAI = re.compile(
    "(?<![\u0e01-\u0e2e\u0e31-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
)

# Few letters of an alphabet of its own say less than few signs of thousands.
_LETTERS_OF_DOUBT = 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An encoding, and the languages written in it. In a Latin one plain letters speak for a language, too."""

    encoding: str
    languages: frozenset[str]
    is_latin: bool = False
    doubt: int = _LETTERS_OF_DOUBT


def _of_thousands(encoding: str, language: str) -> _Candidate:
    return _Candidate(encoding, frozenset((language,)), doubt=0)


def _candidate(encoding: str, languages: str, *, is_latin: bool = False) -> _Candidate:
    return _Candidate(encoding, frozenset(languages.split()), is_latin)


# Of two that fit equally well the first: chance seldom makes valid text of the encodings of several bytes.
_CANDIDATES = (
    _of_thousands("cp949", "ko"),
    _of_thousands("euc_jp", "ja"),
    _of_thousands("cp932", "ja"),
    _of_thousands("gb18030", "zh"),
    _of_thousands("big5hkscs", "zh"),
    _candidate("cp1251", "ru uk bg sr mk be"),
    _candidate("koi8_r", "ru"),
    _candidate("koi8_u", "uk"),
    _candidate("cp866", "ru"),
    _candidate("cp1253", "el"),
    _candidate("cp1255", "he"),
    _candidate("cp1256", "ar fa ur"),
    _candidate("cp874", "th"),
    _candidate("cp1250", "pl cs sk hu sl hr", is_latin=True),
    _candidate("cp1254", "tr az", is_latin=True),
    _candidate("cp1257", "lt lv et", is_latin=True),
)
_LATIN = tuple(one for one in _CANDIDATES if one.is_latin)


def guessed(data: bytes) -> str | None:
    """The text; None if no encoding makes sense of the bytes."""
    scores = {one.encoding: _score(data, one) for one in _CANDIDATES}
    for encoding in sorted(scores, key=lambda encoding: -round(scores[encoding], 3)):
        if scores[encoding] >= _SURE and (text := _strictly(data, encoding)) is not None:
            return text
    return None


def better_latin(data: bytes, text: str) -> str:
    """``text`` is the data as cp1252; if it reads better as the encoding of another Latin alphabet, that."""
    language, confidence = likeliest(text[:_SAMPLE_BYTES])
    if any(language in one.languages for one in _LATIN):
        confidence = 0.0  # it cannot be written in cp1252: it shines through
    best = max(_LATIN, key=lambda one: _score(data, one))
    if _score(data, best) < max(_SURE, confidence + _BETTER_BY):
        return text
    return _strictly(data, best.encoding) or text


def is_odd_latin(data: bytes) -> bool:
    """Are the bytes beyond ASCII such as no text in a Latin language has: most in runs, or signs for no letters?"""
    sample = data[:_SAMPLE_BYTES]
    high = sum(byte > 0x7F for byte in sample)
    odd = len(_ODD_IN_LATIN.findall(sample))
    return 2 * sum(len(run) for run in _MANY_HIGH_BYTES.findall(sample)) > high or 5 * odd > high


def _score(data: bytes, candidate: _Candidate) -> float:
    """How sure it is that a sample is text in one of the candidate's languages; 0 if it is not valid."""
    decoder = codecs.getincrementaldecoder(candidate.encoding)("strict")
    try:
        text = decoder.decode(data[:_SAMPLE_BYTES], final=len(data) <= _SAMPLE_BYTES)
    except UnicodeDecodeError:
        return 0.0
    foreign = " ".join(_FOREIGN_WORD.findall(text))
    written = len(foreign) - foreign.count(" ")
    if not written:
        return 0.0
    language, confidence = likeliest(text if candidate.is_latin else foreign)
    if language not in candidate.languages:
        return 0.0
    others = sum(ch > "\x7f" and _LETTER.match(ch) is None for ch in foreign) + 2 * len(_NO_THAI.findall(text))
    different = len(set(foreign))
    return confidence * max(1 - others / written, 0) * different / (different + candidate.doubt)


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
