"""The words of a document's name, which stand above all that it says.

Knows names of files, not documents.
"""

from __future__ import annotations

import re

_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
_JOINTS = re.compile(r"[_/\\+]+|(?<=\w)-+(?=\w)|\s+")
_LETTER = re.compile(r"[^\W\d_]")
_LETTERS_OF_A_WORD = 2


def words_of_name(name: str) -> str:
    """The words of a document's name: ``pool-rules_2024.txt`` is ``pool rules 2024``; empty if it has no word."""
    words = _JOINTS.sub(" ", _SUFFIX.sub("", name.rsplit("/", 1)[-1])).strip()
    return words if len(_LETTER.findall(words)) >= _LETTERS_OF_A_WORD else ""
