"""Front matter, the fields before a Markdown text (YAML between ``---``, TOML between ``+++``), as readable lines.

Values stand as they were typed: a date or a number is not read as one. What cannot be read as fields keeps its lines.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from corpora.text.reading_text import in_one_line

_YAML = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(.*?\n)?\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^[\w-][\w .-]*:(?:\s|$)", re.MULTILINE)
_LARGEST = 2**16
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The fields of a text as lines, the title among them, and where the text behind them begins."""

    title: str | None
    lines: tuple[str, ...]
    end: int


def front_matter(source: str) -> FrontMatter | None:
    """The front matter at the start of a text; none if there is none."""
    if found := _TOML.match(source):
        return _of_fields(_toml(found[1] or ""), found)
    found = _YAML.match(source)
    if not found or not (_FIELD.search(found[1] or "") or not (found[1] or "").strip()):
        return None
    return _of_fields(_yaml(found[1] or ""), found)


def _of_fields(fields: Any, found: re.Match[str]) -> FrontMatter:
    if not isinstance(fields, Mapping):
        kept = tuple(filter(None, map(in_one_line, (found[1] or "").split("\n"))))
        return FrontMatter(None, kept, found.end())
    title = next((value for key, value in fields.items() if str(key).lower() == "title"), None)
    lines = tuple(_lines(fields))
    return FrontMatter(in_one_line(title) or None if isinstance(title, str) else None, lines, found.end())


def _yaml(text: str) -> Any:
    """The fields with all values as strings; none if the text is no YAML, or repeats itself by aliases."""
    if len(text) > _LARGEST:
        return None
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.BaseLoader)):
            return None
        return yaml.load(text, Loader=yaml.BaseLoader)  # strings alone: nothing is made of a tag
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _toml(text: str) -> Any:
    try:
        return tomllib.loads(text, parse_float=str) if len(text) <= _LARGEST else None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return None


def _lines(fields: Mapping[Any, Any]) -> Iterator[str]:
    for key, value in fields.items():
        if text := _written(value, 0):
            yield in_one_line(f"{key}: {text}")


def _written(value: Any, depth: int) -> str:
    """A value on one line: the parts of a list between commas, of a mapping by their names."""
    if depth > _DEEPEST or value is None:
        return ""
    if isinstance(value, Mapping):
        parts = ((key, _written(inner, depth + 1)) for key, inner in value.items())
        return "; ".join(f"{key}: {text}" for key, text in parts if text)
    if isinstance(value, list):
        return ", ".join(filter(None, (_written(inner, depth + 1) for inner in value)))
    if isinstance(value, bool):
        return "true" if value else "false"
    return in_one_line(str(value))
