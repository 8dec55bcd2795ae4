"""Bytes to text: by byte order mark, as UTF-8, as the file declares, and else in the encoding in which it reads best.

A byte that is no UTF-8 costs one character, not the file; NULs and the colours of a terminal are left out. Both are
said by way of ``note``. What is no text is refused, not shown as rubbish. Knows nothing of formats.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from corpora.errors import BinaryText
from corpora.loaders.formats.charsets import SAMPLE_BYTES, best_encoding, strictly, unmarked_unicode

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
TERMINAL_CODE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[()*+#%][0-9A-Za-z@]|[=>78cDEHMNOZ])"
)
# A file that declares one of these often uses its superset, or names it as browsers do and Python does not.
_MEANT = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252",
    "x-cp1252": "cp1252", "iso-8859-9": "cp1254", "x-cp1250": "cp1250", "x-cp1251": "cp1251", "koi": "koi8_r",
    "koi8": "koi8_r", "x-mac-roman": "mac_roman", "x-mac-cyrillic": "mac_cyrillic", "iso-8859-8-i": "iso8859_8",
    "logical": "iso8859_8", "tis-620": "cp874", "iso-8859-11": "cp874", "windows-874": "cp874", "dos-874": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "big5": "big5hkscs", "x-x-big5": "big5hkscs",
    "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "x-euc-jp": "euc_jp",
    "euc-kr": "cp949", "ks-c-5601-1987": "cp949", "ks-c-5601": "cp949", "windows-949": "cp949",
    "unicode": "utf-16", "utf8": "utf-8", "utf8mb4": "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-8": "utf-8",
}  # fmt: skip
_ALWAYS_WORTH = 0.01  # the share of characters that may be lost in a declared encoding
_UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HALVES = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]")
_WESTERN_LETTERS = frozenset("äöüßéèêëàâçñíìîïóòôõúùûáãåæøœýÿÄÖÜÉÈÀÂÇÑÓÁÅÆØÍÎÔÚ")
_WESTERN_SIGNS = frozenset("“”„‘’‚«»–—…•€£°§½²³¿¡\u00a0©®™·×")
_LOST = "\N{REPLACEMENT CHARACTER}"
_FEW_CONTROLS, _FEWEST = 0.01, 2
_FEW_NULS = 0.05
# Encodings in which the same bytes are letters of other alphabets, and how many letters make one sure.
_ALIKE = {
    "cp1251": "windows-1251", "koi8_r": "koi8-r", "koi8_u": "koi8-u", "cp866": "ibm866",
    "mac_cyrillic": "x-mac-cyrillic", "iso8859_5": "iso-8859-5", "cp1253": "windows-1253",
    "iso8859_7": "iso-8859-7", "cp1255": "windows-1255",
    "cp1256": "windows-1256", "cp874": "windows-874",
}  # fmt: skip
_ENOUGH_LETTERS = 40
_FEW_RUNS, _RUNS_SHARE = 4, 0.1
_NUL_RUNS = re.compile(rb"\0+")
_BINARY_MARKS = ((b"SQLite format 3\0", 0), (b"ustar", 257))  # of files that may hold little but text and NULs


def decoded(data: bytes, name: str, *, declared: str | None = None, note: Callable[[str], None] | None = None) -> str:
    """The text of a file, line ends as newlines, without control characters.

    ``declared`` is the encoding that the file itself names; ``note`` is told what could not be read and what was left
    out, as ``ReadingText.note``. Raises ``BinaryText``.
    """
    say = note if note is not None else lambda said: None
    return _clean(_text(data, name, declared, say).replace("\r\n", "\n").replace("\r", "\n"), name, say)


def _text(data: bytes, name: str, declared: str | None, say: Callable[[str], None]) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark) and (text := _marked(data[len(mark) :], encoding, say)) is not None:
            return text
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        return _with_nuls(data, name, declared, say)
    if b"\x1b$" in data and (text := strictly(data, "iso2022_jp")) is not None:
        return text
    if (text := strictly(data, "utf-8")) is not None:
        return text
    if declared is not None:
        encoding = _MEANT.get(declared.strip().lower().replace("_", "-"), declared.strip())
        if encoding != "utf-8" and (text := _with_losses(data, encoding, say)) is not None:
            return text
    if (text := _broken_utf_8(data, say)) is not None:
        return text
    if (found := best_encoding(data)) is not None:
        _say_lost(found.lost, say)
        if found.encoding in _ALIKE and sum(byte > 0x7F for byte in data) < _ENOUGH_LETTERS:
            say(f"its encoding was guessed: {_ALIKE[found.encoding]}")
        return found.text
    raise _not_text(name)


def _marked(data: bytes, encoding: str, say: Callable[[str], None]) -> str | None:
    """The text after a byte order mark, which decides unless nothing behind it is written so."""
    if encoding != "utf-8":
        return _with_losses(data, encoding, say)
    if (text := strictly(data, encoding)) is not None:
        return None if "\0" in text else text
    if not _UTF_8.search(data):
        return _with_losses(data, encoding, say)
    if (text := _broken_utf_8(data, say)) is None:
        text = data.decode(encoding, "replace")
        _say_lost(text.count(_LOST) - data.count(_LOST.encode()), say)
    return text


def _with_losses(data: bytes, encoding: str, say: Callable[[str], None]) -> str | None:
    """The text in an encoding that the file names; None if it is not written in it, but for a few characters."""
    try:
        text = data.decode(encoding, "replace")
        lost = text.count(_LOST) - data.decode(encoding, "ignore").count(_LOST)
    except (LookupError, ValueError, UnicodeError):
        return None
    if lost > max(1, _ALWAYS_WORTH * len(text)):
        return None
    _say_lost(lost, say)
    return text


def _say_lost(count: int, say: Callable[[str], None]) -> None:
    if count:
        say(f"{count} character{'s' if count > 1 else ''} could not be read")


def _with_nuls(data: bytes, name: str, declared: str | None, say: Callable[[str], None]) -> str:
    """Text with NULs in it: UTF-16 or UTF-32 without a mark, or a text into which some fell. Raises ``BinaryText``.

    A disk that was full or a power cut leave whole runs of NULs. Then nothing else in the file may be a control
    character, and the runs must be few: a binary file has many, and tables and archives have their own marks.
    """
    if (text := unmarked_unicode(data)) is not None:
        return text
    without = data.replace(b"\0", b"")
    sample = without[:SAMPLE_BYTES]
    runs = len(_NUL_RUNS.findall(data[: 2 * SAMPLE_BYTES].strip(b"\0")))
    is_known = any(data[at:].startswith(mark) for mark, at in _BINARY_MARKS)
    if sample.strip() and not is_known and runs <= max(_FEW_RUNS, _RUNS_SHARE * len(sample)):
        count = len(data) - len(without)
        if _is_clean(without) if count <= max(_FEWEST, _FEW_NULS * len(data)) else not _controls_of(sample):
            say(f"{count} NUL character{'s' if count > 1 else ''} {'were' if count > 1 else 'was'} left out")
            return _text(without, name, declared, say)
    raise _not_text(name)


def _is_clean(data: bytes) -> bool:
    """Whether nearly nothing in it is a control character."""
    sample = data[:SAMPLE_BYTES]
    return _controls_of(sample) <= max(_FEWEST, _FEW_CONTROLS * len(sample))


def _controls_of(sample: bytes) -> int:
    """How many control characters are in it, but for those of lines and terminals."""
    bare = TERMINAL_CODE.sub("", sample.decode("latin-1"))
    return sum(ch < " " and ch not in "\t\n\r\f\v\b" for ch in bare)


def _broken_utf_8(data: bytes, say: Callable[[str], None]) -> str | None:
    """The text if it is UTF-8 but for some bytes; None if it is in another encoding.

    Lines in which letters of cp1252 stand as words have them, and nothing of UTF-8, came from elsewhere: they are read
    as that. One such byte alone may as well be damage.
    """
    if _HALVES.search(data) and (text := _of_halves(data)) is not None:
        return text
    lines, lost, foreign, valid = [], 0, 0, 0
    for line in data.splitlines(keepends=True):
        text, sequences = line.decode("utf-8", "replace"), len(_UTF_8.findall(line))
        errors = text.count(_LOST) - line.count(_LOST.encode())
        valid += sequences
        if errors > 1 and not sequences and _is_western(western := line.decode("cp1252", "replace")):
            text, foreign = western, foreign + errors
        else:
            lost += errors
        lines.append(text)
    if not valid or lost > max(1, valid // 2) or foreign > 50 * valid:
        return None
    _say_lost(lost, say)
    return "".join(lines)


def _is_western(line: str) -> bool:
    """Whether all characters beyond ASCII stand as letters and signs of Western Europe do."""
    return all(
        (ch in _WESTERN_LETTERS and (line[n - 1 : n].isalpha() or line[n + 1 : n + 2].isalpha()))
        or ((ch in _WESTERN_SIGNS and not (line[n - 1 : n].isalpha() and line[n + 1 : n + 2].isalpha())) or ch == "’")
        for n, ch in enumerate(line)
        if ch > "\x7f"
    )


def _of_halves(data: bytes) -> str | None:
    """UTF-8 in which pairs of surrogates were written one by one."""
    try:
        return data.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return None


def _clean(text: str, name: str, say: Callable[[str], None]) -> str:
    """The text without control characters. Raises ``BinaryText`` if there are many."""
    if "\x1b" in text:
        plain = TERMINAL_CODE.sub("", text)
        if plain != text:
            say("colours of a terminal were left out")
        text = plain
    if "\b" in text:  # manuals for printers print a letter twice, or a line below it
        text = "\n".join(_last_struck(line) if "\b" in line else line for line in text.split("\n"))
    controls = len(_CONTROLS.findall(text))
    if controls > max(_FEWEST, _FEW_CONTROLS * len(text)):
        raise _not_text(name)
    if controls:
        say(f"{controls} control character{'s were' if controls > 1 else ' was'} left out")
    return _CONTROLS.sub("", text)


def _last_struck(line: str) -> str:
    """A line in which a backspace takes back what stands before it."""
    kept: list[str] = []
    for ch in line:
        if ch == "\b" and kept and kept[-1] != "\b":
            kept.pop()
        else:
            kept.append(ch)
    return "".join(kept)


def _not_text(name: str) -> BinaryText:
    return BinaryText(f"{name} is not text", hint="give it the suffix of its real format, or save it as UTF-8 text")
