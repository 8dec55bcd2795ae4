"""Ends an output that repeats itself: at a sentence or a line that it has written before, or at a phrase said over and
over.

A filter like ``StopStrings`` of ``detokenizer``: what may become a repetition is held back, so that nothing shown is
taken back, and the result is the same however the text was cut into tokens. Knows text only.
"""

from __future__ import annotations

import re
from typing import Final

from corpora.text.chunking import sentences

_LEAST_CHARACTERS: Final = 12
"""Shorter sentences and lines may come again: "Yes.", a closing bracket."""
_STOPS: Final = ".!?\u2026\u3002\uff01\uff1f"
_CLOSERS: Final = "\"')]*_\u2019\u201d"
# What a line or a sentence may begin with that does not make it another: bullets, numbers, the marker of a passage.
_LEAD: Final = re.compile(r"(?:\s|[-*\u2022>#]|\d{1,3}[.)]|\[\d{1,4}\])*")
_PARTIAL_LEAD: Final = re.compile(r"(?:\s|[-*\u2022>#]|\d{1,3}[.)]?|\[\d{0,4}\]?)*\Z")
_LETTER: Final = re.compile(r"[^\W\d_]")
_FENCE: Final = "```"
_LONGEST_PHRASE: Final = 12
_LEAST_SAID: Final = 3
_LEAST_WORDS: Final = 9
"""A phrase said at least so often, in so many words in all."""


class Repetition:
    """Text up to the first repetition, exact at any split of the text. ``stopped``: there was one.

    A sentence or line that stood there before is not part of the text. Blocks of code may repeat their lines.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._seen: set[str] = set()
        self._unit = ""  # The sentence or line that is being written, and how much of it has been shown.
        self._shown = 0
        self._line = ""
        self._is_new = False  # The unit cannot become one that was seen.
        self._in_code = False
        self._words: list[str] = []
        self._word = ""

    def push(self, text: str) -> str:
        """Text that may be shown now."""
        return "".join(self._pushed(character) for character in text)

    def finish(self) -> str:
        """What was held back for a repetition that was not completed."""
        if self.stopped:
            return ""
        held, self._shown = self._unit[self._shown :], len(self._unit)
        return held

    def _pushed(self, character: str) -> str:
        if self.stopped:
            return ""
        self._unit += character
        self._line += character
        if self._says_it_again(character) or self._completes(character):
            self.stopped = True
            return ""
        if character == "\n":
            return self._ended(is_line=True)
        if character.isspace() and self._unit.rstrip().rstrip(_CLOSERS)[-1:] in _STOPS and _is_sentence(self._key()):
            return self._ended(is_line=False)
        if self._holds():
            return ""
        self._is_new = True
        return self.finish()

    def _completes(self, character: str) -> bool:
        """Whether a sentence or line that was written before has just been written again."""
        if self._is_new or self._in_code:
            return False
        # The point behind a digit may be that of a decimal: what follows tells.
        stops = character in _STOPS and not self._unit[-2:-1].isdigit()
        ended = character.isspace() and self._unit.rstrip()[-1:] in _STOPS
        return (stops or ended or character == "\n") and self._key() in self._seen

    def _holds(self) -> bool:
        """Whether the unit may still become one that was written before."""
        if self._is_new or self._in_code or not self._seen:
            return False
        key = self._key()
        return any(seen.startswith(key) for seen in self._seen) or bool(_PARTIAL_LEAD.match(self._unit))

    def _ended(self, *, is_line: bool) -> str:
        key, ended = self._key(), len(self._unit.rstrip())
        text, blank = self._unit[self._shown : ended], self._unit[max(self._shown, ended) :]
        if not self._in_code and _counts(key):
            self._seen.add(key)
        if is_line:
            self._in_code ^= self._line.lstrip().startswith(_FENCE)
            self._line = ""
        # The white space behind it is held back, too: it is not wanted before a repetition.
        self._unit, self._shown, self._is_new = blank, 0, False
        return text

    def _key(self) -> str:
        """The unit without what it begins with, one blank for any white space, without closing marks."""
        lead = _LEAD.match(self._unit)
        assert lead is not None
        return " ".join(self._unit[lead.end() :].split()).rstrip(_CLOSERS)

    def _says_it_again(self, character: str) -> bool:
        """Whether the words end with a phrase that has been said over and over."""
        if not character.isspace():
            self._word += character
            return False
        if self._word:
            self._words = [*self._words[1 - _LONGEST_PHRASE * _LEAST_SAID :], self._word]
            self._word = ""
            return not self._in_code and any(self._is_said(size) for size in range(1, _LONGEST_PHRASE + 1))
        return False

    def _is_said(self, size: int) -> bool:
        times = max(_LEAST_SAID, -(-_LEAST_WORDS // size))
        phrase, tail = self._words[-size:], self._words[-size * times :]
        return len(tail) == size * times and tail == phrase * times and bool(_LETTER.search("".join(phrase)))


def _is_sentence(key: str) -> bool:
    """Whether a text that counts ends a sentence, not in an abbreviation: "According to Dr." does not."""
    return _counts(key) and len(sentences(f"{key} Then more.")) > 1


def _counts(key: str) -> bool:
    return len(key) >= _LEAST_CHARACTERS and bool(_LETTER.search(key))
