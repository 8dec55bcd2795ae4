"""What a setting's value may be: parsers that take a text or a TOML value and give the typed, checked value.

Each raises ``ValueError`` whose text completes the sentence "k must be ...". Knows no setting by name.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias, TypeVar

Parser: TypeAlias = Callable[[object], object]
NumberT = TypeVar("NumberT", int, float)

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
AUTO = "auto"
_LARGEST_BIAS = 100


def whole(low: int, high: int) -> Parser:
    """A whole number from ``low`` to ``high``, both included."""
    wanted = f"a whole number from {low:,} to {high:,}"

    def parse(raw: object) -> int:
        value = _number(raw, int, wanted)
        if not low <= value <= high:
            raise ValueError(wanted)
        return value

    return parse


def decimal(low: float, high: float, *, above_low: bool = False) -> Parser:
    """A finite number from ``low`` (left out if ``above_low``) to ``high``."""
    wanted = f"a number {'above' if above_low else 'from'} {low:g} {'up to' if above_low else 'to'} {high:g}"

    def parse(raw: object) -> float:
        value = _number(raw, float, wanted)
        too_low = value <= low if above_low else value < low
        if too_low or value > high or math.isnan(value):
            raise ValueError(wanted)
        return value

    return parse


def flag(raw: object) -> bool:
    """True or false, as TOML or as on/off, yes/no, 1/0."""
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.strip().lower() in _TRUE | _FALSE:
        return raw.strip().lower() in _TRUE
    raise ValueError("true or false")


def choice(*options: str, old: Mapping[str, str] | None = None) -> Parser:
    """One of ``options``; ``old`` maps names that options had before to those they have."""

    def parse(raw: object) -> str:
        raw = (old or {}).get(raw, raw) if isinstance(raw, str) else raw  # Settings files keep their old names.
        if isinstance(raw, str) and raw in options:
            return raw
        raise ValueError("one of " + ", ".join(options))

    return parse


def words(raw: object) -> str:
    """A text that is not empty."""
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    raise ValueError("a text that is not empty")


def named(parser: Parser, old: Mapping[str, str]) -> Parser:
    """``parser``'s value; ``old`` maps names that values had before to those they have."""

    def parse(raw: object) -> object:
        value = parser(raw)
        return old.get(value, value) if isinstance(value, str) else value

    return parse


def folder(raw: object) -> Path:
    """A path; ``~`` is the home folder. It need not exist."""
    if isinstance(raw, Path) or (isinstance(raw, str) and raw.strip()):
        return Path(raw).expanduser().absolute()
    raise ValueError("the path of a folder")


def automatic(parser: Parser) -> Parser:
    """``parser``'s value, or None for "auto": whoever uses the setting decides."""

    def parse(raw: object) -> object:
        if raw is None or (isinstance(raw, str) and raw.strip().lower() == AUTO):
            return None
        try:
            return parser(raw)
        except ValueError as problem:
            raise ValueError(f'{problem}, or "{AUTO}"') from None

    return parse


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where this platform keeps an application's data."""
    environ = os.environ if environ is None else environ
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "spandraft"


def texts(raw: object) -> tuple[str, ...]:
    """Several texts, none of them empty: a list, ``["a", "b"]`` as a text, or ``a,b``; nothing for none."""
    wanted = 'texts: a,b or ["a", "b"]'
    values: object = raw
    if isinstance(raw, str):
        values = _json(raw, wanted) if raw.lstrip().startswith("[") else _parts(raw)
    if not isinstance(values, list | tuple) or not all(isinstance(one, str) and one.strip() for one in values):
        raise ValueError(wanted)
    return tuple(values)


def whole_numbers(low: int, high: int) -> Parser:
    """Different whole numbers from ``low`` to ``high``, sorted: a list, ``[1, 3]`` as a text, or ``1,3``; nothing for
    none.
    """
    wanted = f"different whole numbers from {low:,} to {high:,}: 1,3 or [1, 3]"

    def parse(raw: object) -> tuple[int, ...]:
        values: object = raw
        if isinstance(raw, str):
            values = _json(raw, wanted) if raw.lstrip().startswith("[") else _parts(raw)
        if not isinstance(values, list | tuple):
            raise ValueError(wanted)
        found = sorted(_number(one, int, wanted) for one in values)
        if len(set(found)) < len(found) or any(not low <= one <= high for one in found):
            raise ValueError(wanted)
        return tuple(found)

    return parse


def biases(raw: object) -> tuple[tuple[int, float], ...]:
    """A number for each of several tokens: ``id:number,id:number``, a table or a mapping; nothing for none."""
    wanted = f"token ids with numbers from -{_LARGEST_BIAS} to {_LARGEST_BIAS}: id:number,id:number"
    values: object = raw
    if isinstance(raw, str):
        values = [pair.split(":") for pair in _parts(raw)]
    if isinstance(values, Mapping):
        values = list(values.items())
    if not isinstance(values, list | tuple) or not all(
        isinstance(one, list | tuple) and len(one) == 2 for one in values
    ):
        raise ValueError(wanted)
    found = {_number(token, int, wanted): _number(number, float, wanted) for token, number in values}
    usable = all(token >= 0 and abs(number) <= _LARGEST_BIAS for token, number in found.items())
    if not usable or len(found) != len(values):
        raise ValueError(wanted)
    return tuple(sorted(found.items()))


def words_or_table(*names: str) -> Parser:
    """One of ``names`` (if there are none, any text), or a table: TOML's, or a JSON object, which is its text."""
    wanted = ", ".join(names) + ", or a JSON object" if names else 'a text, or a JSON object such as {"": "cpu"}'

    def parse(raw: object) -> str:
        if isinstance(raw, Mapping):
            return json.dumps(raw)
        if not isinstance(raw, str) or not raw.strip():
            raise ValueError(wanted)
        if raw.lstrip().startswith("{"):
            return json.dumps(_json(raw, wanted))
        if names and raw.strip() not in names:
            raise ValueError(wanted)
        return raw.strip()

    return parse


def written(value: object) -> str:
    """A setting's value as one would write it on the command line."""
    if value is None:
        return AUTO
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        if all(isinstance(one, str) for one in value):
            return json.dumps(value, ensure_ascii=False) if value else ""
        return ",".join(str(one) if isinstance(one, int) else f"{one[0]}:{one[1]}" for one in value)
    return str(value)


def _parts(raw: str) -> list[str]:
    return [part.strip() for part in raw.split(",")] if raw.strip() else []


def _json(text: str, wanted: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(wanted) from None


def _number(raw: object, kind: type[NumberT], wanted: str) -> NumberT:
    """``raw`` as ``kind``; a float is no whole number and true is no number at all."""
    accepted = (str, int) if kind is int else (str, int, float)
    if isinstance(raw, bool) or not isinstance(raw, accepted):
        raise ValueError(wanted)
    try:
        return kind(raw)
    except ValueError:
        raise ValueError(wanted) from None
