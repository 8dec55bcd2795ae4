"""Bytes to text: byte order marks, UTF-8, then cp1252, and guessing only where neither makes sense.

Knows nothing of formats. Text that is not text is refused rather than shown as rubbish.
"""

from __future__ import annotations

import codecs
import re

from corpora.errors import BinaryText
from corpora.loaders.formats.encoding_detection import better_latin, guessed, is_odd_latin

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
# cp1252 decodes nearly everything, so the letters it gives are asked whether they look like a Latin language.
_MOSTLY_HIGH_LETTERS, _FEW_LETTERS = 0.45, 3
# Who names one of these often means the one that has grown out of it.
_WIDER = {
    "iso-8859-1": "cp1252", "iso-8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030", "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949", "shift_jis": "cp932", "big5": "big5hkscs",
}  # fmt: skip


def decoded(data: bytes, name: str, *, declared: str | None = None) -> str:
    """The text of a file, line ends as newlines, control characters gone.

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
    """The text behind a byte order mark, if there is one and it keeps its word."""
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
    if text is not None and is_latin and not is_odd_latin(data):
        return better_latin(data, text)
    if (guess := guessed(data)) is not None:
        return guess
    if text is not None and is_latin:
        return text
    if (guess := _by_statistics(data)) is not None:
        return guess
    raise _not_text(name)


def _by_statistics(data: bytes) -> str | None:
    """The last resort: encodings that nobody has named here."""
    from charset_normalizer import from_bytes  # slow to import and seldom needed

    best = from_bytes(data).best()
    return None if best is None else str(best)


def _strictly(data: bytes, encoding: str) -> str | None:
    """None if the bytes are not of that encoding, or a page names one that does not exist."""
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
