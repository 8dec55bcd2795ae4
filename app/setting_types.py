"""What a setting's value may be: parsers that take a text or a TOML value and give the typed, checked value.

Each raises ``ValueError`` whose text completes the sentence "k must be ...". Knows no setting by name.
"""

from __future__ import annotations

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


def choice(*options: str) -> Parser:
    """One of ``options``."""

    def parse(raw: object) -> str:
        if isinstance(raw, str) and raw in options:
            return raw
        raise ValueError("one of " + ", ".join(options))

    return parse


def words(raw: object) -> str:
    """A text that is not empty."""
    if isinstance(raw, str) and raw.strip():
        return raw.strip()
    raise ValueError("a text that is not empty")


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


def _number(raw: object, kind: type[NumberT], wanted: str) -> NumberT:
    """``raw`` as ``kind``; a float is no whole number and true is no number at all."""
    accepted = (str, int) if kind is int else (str, int, float)
    if isinstance(raw, bool) or not isinstance(raw, accepted):
        raise ValueError(wanted)
    try:
        return kind(raw)
    except ValueError:
        raise ValueError(wanted) from None
