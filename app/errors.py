"""Errors of the app floor, and the one place that knows what is an error of the user's and what is a bug.

    SpandraftError                one line of cause, one line of remedy
    +-- UsageError                the command line asks for something that makes no sense
    +-- ArgumentError             a Python call has no such keyword, or takes no such value; a TypeError, too
    +-- SettingError              a setting is unknown, out of range or cannot be read
    +-- UnknownNameError          a corpus, document, method ... that does not exist
    +-- ModelError                a model that cannot be loaded or does not fit
    +-- InputError                a text or question that cannot be worked on
    +-- ServerError               the web server cannot start
    +-- MissingPartError          something is not installed or not built

The lower floors have their own trees; they are recognised by their two attributes, ``cause`` and ``hint``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class SpandraftError(Exception):
    """Something the user can put right. ``str()`` is the cause and the hint, one line each."""

    def __init__(self, cause: str, *, hint: str) -> None:
        super().__init__(f"{cause}\n{hint}")
        self.cause = cause
        self.hint = hint


class UsageError(SpandraftError):
    """The command line asks for something that makes no sense."""


class ArgumentError(SpandraftError, TypeError):
    """A call from Python names a keyword that there is not, or gives a value of a type that cannot be."""


class SettingError(SpandraftError):
    """A setting is unknown, out of range or cannot be read."""


class UnknownNameError(SpandraftError):
    """A name that does not exist; the hint has the nearest that does."""


class ModelError(SpandraftError):
    """A model that cannot be loaded or does not fit."""


class InputError(SpandraftError):
    """A text or question that cannot be worked on."""


class ServerError(SpandraftError):
    """The web server cannot start."""


class MissingPartError(SpandraftError):
    """Something is not installed or not built."""


def as_user_error(error: BaseException) -> tuple[str, str] | None:
    """Cause and hint of an error that the user can put right; None for a bug.

    Any exception of any floor counts whose ``cause`` and ``hint`` are texts.
    """
    cause, hint = getattr(error, "cause", None), getattr(error, "hint", None)
    if isinstance(cause, str) and isinstance(hint, str):
        return cause, hint
    return None


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option most like ``name``, letters' case aside; None if nothing is near."""
    by_folded = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.65)
    return by_folded[close[0]] if close else None


def quoted(typed: object) -> str:
    """What the user typed in double quotes; another value as Python writes it."""
    return f'"{typed}"' if isinstance(typed, str) else repr(typed)


def no_file(path: Path) -> str:
    """The cause if there is nothing to read at ``path``, or something that is no file."""
    return f"{path} is no file" if path.exists() else f"{path} does not exist"


def kind_of(value: object) -> str:
    """What a value is, for a message: ``None``, ``a list``, ``an int``."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def require_text(what: str, value: object) -> None:
    """Raise ArgumentError unless the ``what`` of a call is a text."""
    if not isinstance(value, str):
        raise ArgumentError(f"{what} is {kind_of(value)}, not a text", hint=f"give {what} as a text")


def unknown_keyword(call: str, name: str, known: Iterable[str], *, hint: str = "") -> ArgumentError:
    """The error for a keyword of ``call`` that is none of those ``known``; ``hint`` is for one that is near to none."""
    near = nearest(name, known)
    listed = hint or f"it takes: {', '.join(known)}"
    return ArgumentError(f"{call} has no keyword {name}", hint=f"did you mean {near}?" if near else listed)


def unknown(what: str, name: str, options: Iterable[str]) -> UnknownNameError:
    """The error for a ``what`` called ``name`` that is none of ``options``."""
    known = sorted(options)
    near = nearest(name, known)
    if near is not None:
        hint = f'did you mean "{near}"?'
    elif known:
        hint = "there are: " + ", ".join(known)
    else:
        hint = f"there is no {what} yet"
    return UnknownNameError(f'there is no {what} called "{name}"', hint=hint)
