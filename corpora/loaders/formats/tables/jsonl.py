"""JSON lines and JSON files to reading text: a record a line or an element, its fields by name, long texts as text.

What a file holds is found out, whatever its suffix: one value, a value a line, or values one behind another, with
comments and commas at the end of lists as settings have them. A line that is no JSON is said, and the others are read.
Numbers keep their digits, and a name that is there twice both of its values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from corpora.counts import count
from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.decoding import TERMINAL_CODE, decoded
from corpora.text.reading_text import ReadingText, in_one_line
from corpora.text.reflow import reflow

_Value: TypeAlias = "bool | str | list[_Value] | _Object | None"

_LONG = 200
_OF_ONE_TEXT = frozenset(("text", "content", "body", "page_content", "contents"))
_NAMED_LINES = 3
_LONGEST_SETTINGS = 2**20
_BETWEEN = re.compile(r"[\s,]*")
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_HALF = re.compile("[\ud800-\udfff]")
_LOST = "\N{REPLACEMENT CHARACTER}"
_COMMENT = r"(?>//[^\n]*|/\*.*?\*/)"
_RELAXED = re.compile(rf'"(?>(?:[^"\\]|\\.)*)"|{_COMMENT}|,(?=\s*+(?:{_COMMENT}\s*+)*+[}}\]])', re.DOTALL)


def load(data: bytes, name: str) -> Document:
    """Load records; a file that is one array has a record an element. Raises ``BinaryText``, ``DamagedFile``."""
    reading = ReadingText()
    text = decoded(data, name, note=reading.note)
    try:
        for number, record in _records(text, name, reading.note):
            if fields := list(_fields(record, "")):  # Empty ones have nothing to be cited.
                reading.section("record", str(number))
                _write(fields, reading)
    except RecursionError as error:
        raise DamagedFile(
            f"the values of {name} are nested too deeply", hint="take out what is to be read and add that"
        ) from error
    if lost := reading.text.count(_LOST) - text.count(_LOST):
        reading.note(f"{count(lost, 'character')} could not be read")
    return reading.document(name)


def is_json_lines(text: str) -> bool:
    """Whether a text, whatever its suffix, is records of JSON: the first line is one, most others look like one."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines or 2 * sum(line.startswith("{") and line.endswith("}") for line in lines) <= len(lines):
        return False
    try:
        first = _parsed(lines[0])
    except (json.JSONDecodeError, RecursionError):
        return False
    return isinstance(first, _Object) and bool(first.fields)


@dataclass(frozen=True, slots=True)
class _Object:
    """The names and values of an object in their order; a name may be there twice."""

    fields: Sequence[tuple[str, _Value]]


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str, strict=False)


def _records(text: str, name: str, say: Callable[[str], None]) -> Iterator[tuple[int, _Value]]:
    """The records with their numbers. Raises ``DamagedFile`` if the text is no JSON in any way."""
    if not text.strip():
        return
    try:
        whole = _parsed(text)
    except json.JSONDecodeError as error:
        found = _of_lines(text, say) or _one_behind_another(text) or _of_settings(text)
        if found is None:
            raise DamagedFile(
                f"{name} is not JSON at line {error.lineno}, column {error.colno}: {error.msg}",
                hint="mend that line and add it again",
            ) from error
        yield from found
        return
    is_array = isinstance(whole, list) and (name.lower().endswith(".json") or "\n" in text.strip())
    yield from enumerate(whole if is_array and isinstance(whole, list) else [whole], 1)


def _parsed(text: str) -> _Value:
    value: _Value = _DECODER.decode(text)
    return value


def _of_lines(text: str, say: Callable[[str], None]) -> list[tuple[int, _Value]] | None:
    """The values of lines, counted with those that are no JSON; None if most lines are not."""
    found: list[tuple[int, _Value]] = []
    bad: list[int] = []
    record = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            for value in _values(line):
                record += 1
                found.append((record, value))
        except json.JSONDecodeError:
            record += 1
            bad.append(number)
            if len(bad) > 10 and len(bad) > len(found):
                return None
    if len(found) < len(bad) or not found:
        return None
    for number in bad[:_NAMED_LINES]:
        say(f"line {number} is no JSON and was not read")
    if more := len(bad[_NAMED_LINES:]):
        are, were = ("is", "was") if more == 1 else ("are", "were")
        say(f"{count(more, 'more line')} {are} no JSON and {were} not read")
    return found


def _one_behind_another(text: str) -> list[tuple[int, _Value]] | None:
    """Values of several lines without anything between them, or commas; None if there are none."""
    try:
        return list(enumerate(_values(text), 1))
    except json.JSONDecodeError:
        return None


def _values(text: str) -> list[_Value]:
    """All values in a text. Raises ``JSONDecodeError`` if something else is in it."""
    values: list[_Value] = []
    at = _start(text, 0)
    while at < len(text):
        value, end = _DECODER.raw_decode(text, at)
        values.append(value)
        at = _start(text, end)
    return values


def _start(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _of_settings(text: str) -> list[tuple[int, _Value]] | None:
    """The value of a file with comments, and commas at the ends of its lists; None if it is none."""
    if len(text) > _LONGEST_SETTINGS or ("/*" in text and "*/" not in text):
        return None
    bare = _RELAXED.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)
    try:
        value = _parsed(bare)
    except json.JSONDecodeError:
        return None
    return list(enumerate(value if isinstance(value, list) else [value], 1))


def _write(fields: Iterable[tuple[str, str]], reading: ReadingText) -> None:
    """Short fields are lines of one block; long texts follow, under their names unless they are the text."""
    short: list[str] = []
    long: list[tuple[str, str]] = []
    for key, text in fields:
        if "\n" in text.strip() or len(text) > _LONG:
            long.append((key, text))
        elif line := in_one_line(text):
            short.append(f"{key}: {line}" if key else line)
    reading.paragraph("\n".join(short))
    for key, text in long:
        if key and key.casefold() not in _OF_ONE_TEXT:
            reading.paragraph(f"{key}:")
        reflow(text, reading)


def _fields(value: _Value, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of all values that are not empty; a list of plain values is one text."""
    if isinstance(value, _Object):
        for key, inner in value.fields:
            name = in_one_line(_clean(key))
            yield from _fields(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        if any(isinstance(inner, (_Object, list)) for inner in value):
            for number, inner in enumerate(value, 1):
                yield from _fields(inner, f"{path} {number}".strip())
        elif value:
            yield path, ", ".join(_shown(inner) for inner in value)
    elif value is not None:
        yield path, _shown(value)


def _shown(value: _Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else _clean(str(value))


def _clean(text: str) -> str:
    """A text without what nobody sees, colours of a terminal too; halves of characters become the one for lost ones."""
    return _HALF.sub(_LOST, _UNSEEN.sub("", TERMINAL_CODE.sub("", text) if "\x1b" in text else text))
