"""Reads the items of a bench: a JSON object a line, each with the fields that the bench needs.

Knows no bench; a file that does not fit is refused with the line's number, never partly read.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from app.errors import InputError

Item = TypeVar("Item")


def read_records(path: Path, parse: Callable[[dict[str, Any]], Item | None], *, form: str) -> list[Item]:
    """Every line of ``path`` as ``parse`` returns it; ``form`` shows a right line in the hint.

    ``parse`` returns None for a record that does not fit. Blank lines are passed over. Raises ``InputError``.
    """
    hint = f"one JSON object a line: {form}"
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist", hint="check the path") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="name a file of records") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text", hint=hint) from error
    items: list[Item] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            item = _parsed(line, parse)
            if item is None:
                raise InputError(f"line {number} of {path} is not an item of this bench", hint=hint)
            items.append(item)
    if not items:
        raise InputError(f"{path} has no items", hint=hint)
    return items


def _parsed(line: str, parse: Callable[[dict[str, Any]], Item | None]) -> Item | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return parse(record) if isinstance(record, dict) else None


def is_texts(value: object) -> TypeGuard[list[str]]:
    """Whether ``value`` is a list of strings."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
