"""Bytes to text: by byte order mark, as UTF-8, as the file declares, as cp1252, and else by encoding detection.

Encoding detection tries every encoding in which the bytes are valid, and takes the one in which the language model is
surest of a language that is written in it. What is no text is refused, not shown as rubbish. Knows nothing of formats.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import regex

from corpora.errors import BinaryText
from corpora.text.language import likeliest

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# cp1252 decodes nearly everything, so its result is checked: does it look like a Latin language?
_MOSTLY_HIGH_LETTERS, _FEW_LETTERS = 0.45, 3
# A file that declares one of these often uses its superset.
_WIDER = {
    "iso-8859-1": "cp1252", "iso-8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "shift_jis": "cp932", "big5": "big5hkscs",
}  # fmt: skip
_SAMPLE_BYTES = 2**16
_SURE, _BETTER_BY = 0.5, 0.05
_FOREIGN_WORD = regex.compile(r"[^\s\x00-\x7f]+")
_LETTER = regex.compile(r"[\p{L}\p{M}\p{Nd}\u00b7\u2010-\u2026\u3000-\u303f\u30fb\uff00-\uffef]")
_MANY_HIGH_BYTES = re.compile(rb"[\x80-\xff]{4,}")
_ODD_IN_LATIN = re.compile(rb"[\x81\x83\x86-\x88\x8d\x8f\x90\x98\x9d\xa4-\xa6\xa8\xac\xaf\xb4\xb8]")
# In Thai, marks above and below follow a consonant, and a vowel that is written before a consonant precedes one.
_NO_THAI = re.compile(
    "(?<![\u0e01-\u0e2e\u0e31-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]|[\u0e40-\u0e44](?![\u0e01-\u0e2e])"
)

# A few letters of a small alphabet are weaker evidence than a few characters of thousands.
_LETTERS_OF_DOUBT = 2


def decoded(data: bytes, name: str, *, declared: str | None = None) -> str:
    """The text of a file, line ends as newlines, without control characters.

    ``declared`` is the encoding that the file itself names. Raises ``BinaryText``.
    """
    text = _marked(data)
    if text is None:
        text = _by_content(data, name, declared)
    controls = len(_CONTROLS.findall(text))
    if "\0" in text or controls > max(2, len(text) // 200):
        raise _not_text(name)
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _marked(data: bytes) -> str | None:
    """The text after a byte order mark, if there is one and the bytes are valid in its encoding."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strictly(data, encoding)
    return None


def _by_content(data: bytes, name: str, declared: str | None) -> str:
    if b"\0" in data:
        raise _not_text(name)
    if b"\x1b$" in data and (text := _strictly(data, "iso2022_jp")) is not None:
        return text
    for encoding in filter(None, ("utf-8", declared and _WIDER.get(declared.lower(), declared))):
        if (text := _strictly(data, encoding)) is not None:
            return text
    text = _strictly(data, "cp1252")
    is_latin = text is not None and _looks_latin(text)
    if text is not None and is_latin and not _is_odd_latin(data):
        return _better_latin(data, text)
    if (guess := _decode_by_language(data)) is not None:
        return guess
    if text is not None and is_latin:
        return text
    if (guess := _by_statistics(data)) is not None:
        return guess
    raise _not_text(name)


def _by_statistics(data: bytes) -> str | None:
    """The last resort: encodings that are not listed here."""
    from charset_normalizer import from_bytes  # slow to import and seldom needed

    best = from_bytes(data).best()
    return None if best is None else str(best)


def _strictly(data: bytes, encoding: str) -> str | None:
    """The text; None if the bytes are not valid in that encoding, or there is no such encoding."""
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _looks_latin(text: str) -> bool:
    letters = [ch for ch in text if ch.isalpha()]
    high = sum(ch > "\x7f" for ch in letters)
    return high <= max(_MOSTLY_HIGH_LETTERS * len(letters), _FEW_LETTERS)


def _not_text(name: str) -> BinaryText:
    return BinaryText(f"{name} is not text", hint="give it the suffix of its real format, or save it as UTF-8 text")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An encoding, and the languages written in it. In a Latin one ASCII letters are evidence of the language, too."""

    encoding: str
    languages: frozenset[str]
    is_latin: bool = False
    doubt: int = _LETTERS_OF_DOUBT


def _of_thousands(encoding: str, language: str) -> _Candidate:
    return _Candidate(encoding, frozenset((language,)), doubt=0)


def _candidate(encoding: str, languages: str, *, is_latin: bool = False) -> _Candidate:
    return _Candidate(encoding, frozenset(languages.split()), is_latin)


# Of two that fit equally well the first wins: random bytes are seldom valid in multi-byte encodings.
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
_LATIN = tuple(candidate for candidate in _CANDIDATES if candidate.is_latin)


def _decode_by_language(data: bytes) -> str | None:
    """The text in the best candidate; None if none fits."""
    scores = {candidate.encoding: _score(data, candidate) for candidate in _CANDIDATES}
    for encoding in sorted(scores, key=lambda encoding: -round(scores[encoding], 3)):
        if scores[encoding] >= _SURE and (text := _strictly(data, encoding)) is not None:
            return text
    return None


def _better_latin(data: bytes, text: str) -> str:
    """``text``, which is the data as cp1252, or the data in another Latin encoding in which it reads better."""
    language, confidence = likeliest(text[:_SAMPLE_BYTES])
    if any(language in candidate.languages for candidate in _LATIN):
        confidence = 0.0  # a language that cannot be written in cp1252, recognised by its ASCII letters
    best = max(_LATIN, key=lambda candidate: _score(data, candidate))
    if _score(data, best) < max(_SURE, confidence + _BETTER_BY):
        return text
    return _strictly(data, best.encoding) or text


def _is_odd_latin(data: bytes) -> bool:
    """Whether the bytes beyond ASCII are unlike a Latin language in cp1252: most in runs, or symbols, not letters."""
    sample = data[:_SAMPLE_BYTES]
    high = sum(byte > 0x7F for byte in sample)
    odd = len(_ODD_IN_LATIN.findall(sample))
    return 2 * sum(len(run) for run in _MANY_HIGH_BYTES.findall(sample)) > high or 5 * odd > high


def _score(data: bytes, candidate: _Candidate) -> float:
    """The confidence that a sample is text in one of the candidate's languages; 0 if it is not valid."""
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
