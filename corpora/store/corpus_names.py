"""What a corpus may be called: any letters, digits and signs that can be seen, with spaces between them.

A name is the name of a folder, on any system that a home may be carried to: what could lead out of the library, is
reserved, or cannot be told from another name is refused, each with its reason. Names are compared in one Unicode form
(NFC), and no two differ by letters' case alone, which some file systems do not tell apart.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from typing import Final

from corpora.errors import InvalidName

LONGEST: Final = 64  # characters
_LONGEST_BYTES: Final = 200  # of UTF-8: a file name has at most 255, and something is put before and behind it
_FORBIDDEN: Final = '/\\:*?"<>|'
_JOINERS: Final = "\u200c\u200d"  # Persian and Indian words, and some emoji, are not written right without them.
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\s*\..*)?", re.IGNORECASE)
_HINT: Final = f"use up to {LONGEST} letters, digits, spaces and signs such as - _ ( ), with a letter or digit first"


def checked_name(name: str, *, new: bool = False) -> str:
    """The name in NFC, if a corpus may be called that; a ``new`` one may be no name that Windows reserves, either.

    Raises ``InvalidName``.
    """
    composed = unicodedata.normalize("NFC", name)
    reason = _refusal(composed, new=new)
    if reason is not None:
        raise InvalidName(f'a corpus cannot be called "{name}": {reason}', hint=_HINT)
    return composed


def is_name(name: str) -> bool:
    """Whether a corpus may be called that, in this form."""
    return unicodedata.normalize("NFC", name) == name and _refusal(name, new=False) is None


def same_name(name: str, other: str) -> bool:
    """Whether two names differ at most in how they are composed and in letters' case."""
    return _folded(name) == _folded(other)


def in_shell(name: str) -> str:
    """The name as one types it in a command: quoted where a shell would take it apart."""
    return name if re.fullmatch(r"[\w.,+@%-]+", name) else f'"{name}"' if _needs_no_more(name) else shlex.quote(name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _needs_no_more(name: str) -> bool:
    """Whether double quotes are enough, in sh as in Windows' shells."""
    return not set(name) & set('"$`\\!%')


def _refusal(name: str, *, new: bool) -> str | None:
    """Why a corpus cannot be called that; None if it can."""
    if not name.strip():
        return "it is empty"
    if unseen := next((letter for letter in name if _is_unseen(letter)), None):
        return f"it holds a character that cannot be seen (U+{ord(unseen):04X})"
    if forbidden := next((letter for letter in name if letter in _FORBIDDEN), None):
        return f'it holds "{forbidden}"' if forbidden != '"' else "it holds a double quote"
    if name[0] == " " or name[-1] == " ":
        return "it begins or ends with a space"
    if name[-1] == ".":
        return "it ends with a full stop"
    if not _may_begin(name[0]):
        return f"it begins with {name[0]}"
    if len(name) > LONGEST or len(name.encode()) > _LONGEST_BYTES:
        return f"it is too long, with {len(name)} characters"
    if new and _RESERVED.fullmatch(name):
        return "Windows keeps that name for a device"
    return None


def _may_begin(letter: str) -> bool:
    """A dot hides a folder, a hyphen reads as an option of a command, a mark belongs to the letter before it."""
    return letter not in ".-~" and unicodedata.category(letter)[0] not in "MZ"


def _is_unseen(letter: str) -> bool:
    return not letter.isprintable() and letter not in _JOINERS
