"""JSON lines and JSON files to reading text: a record a line or an element, its fields by name, long texts as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias

from corpora.documents import Document
from corpora.errors import DamagedFile
from corpora.loaders.formats.decoding import decoded
from corpora.text.reading_text import ReadingText, in_one_line
from corpora.text.reflow import reflow

_Value: TypeAlias = "bool | str | list[_Value] | dict[str, _Value] | None"

_LONG = 200
_OF_ONE_TEXT = frozenset(("text", "content", "body", "page_content", "contents"))


def load(data: bytes, name: str) -> Document:
    """Load records; a file that is one array has a record an element. Raises ``BinaryText``, ``DamagedFile``."""
    reading = ReadingText()
    try:
        for number, record in enumerate(_records(decoded(data, name), name), 1):
            reading.section("record", str(number))
            _write(record, reading)
    except RecursionError as error:
        raise DamagedFile(
            f"the values of {name} are nested too deeply", hint="take out what is to be read and add that"
        ) from error
    return reading.document(name)


def _records(text: str, name: str) -> Iterator[_Value]:
    if not name.lower().endswith(".json"):
        try:
            yield from _lines(text, name)
            return
        except _NoLines:
            pass  # one value over several lines, under the wrong suffix
    value = _parsed(text, name, None)
    yield from value if isinstance(value, list) else [value]


class _NoLines(Exception):
    """The first line is no value by itself."""


def _lines(text: str, name: str) -> Iterator[_Value]:
    is_first = True
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield _parsed(line, name, number)
            except DamagedFile as error:
                if is_first:
                    raise _NoLines from error
                raise
            is_first = False


def _parsed(text: str, name: str, line: int | None) -> _Value:
    try:
        value: _Value = json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        where = f"line {line or error.lineno}, column {error.colno}"
        raise DamagedFile(
            f"{name} is not JSON at {where}: {error.msg}", hint="mend that line and add it again"
        ) from error
    return value


def _write(record: _Value, reading: ReadingText) -> None:
    """Short fields are lines of one block; long texts follow, under their names unless they are the text."""
    short: list[str] = []
    long: list[tuple[str, str]] = []
    for key, text in _fields(record, ""):
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
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(inner, f"{path}.{key}" if path else in_one_line(key))
    elif isinstance(value, list):
        if any(isinstance(inner, (dict, list)) for inner in value):
            for number, inner in enumerate(value, 1):
                yield from _fields(inner, f"{path} {number}".strip())
        elif value:
            yield path, ", ".join(_shown(inner) for inner in value)
    elif value is not None:
        yield path, _shown(value)


def _shown(value: _Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
