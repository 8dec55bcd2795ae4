"""From tokens to text while they come: nothing shown is ever taken back, nothing is held longer than needed.

``Detokenizer`` holds back bytes that are not yet a character, ``StopStrings`` holds back what may become a stop
string, ``Repetition`` what may become a repetition. All are exact however the tokens were grouped. Knows no prompts and
no models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from app.generation.repetition import Repetition
from app.generation.tokenizer import TextTokenizer

_REPLACEMENT: Final = "\ufffd"
_WINDOW: Final = 64
_KEPT: Final = 8


class Detokenizer:
    """Feed it token ids; the concatenation of what ``push`` and ``finish`` return is ``decode(all ids)``.

    Only the last few tokens are decoded again at each push, so the cost does not grow with the answer.
    """

    def __init__(self, tokens: TextTokenizer) -> None:
        self._tokens = tokens
        self._ids: list[int] = []
        self._shown = 0

    def push(self, token: int) -> str:
        """Text that is certain now and was not before."""
        self._ids.append(token)
        text = self._tokens.decode(self._ids)
        # An unfinished character decodes to replacement characters; more bytes may still make it whole.
        certain = len(text.rstrip(_REPLACEMENT))
        new = text[self._shown : certain]
        self._shown = max(self._shown, certain)
        if len(self._ids) >= _WINDOW and certain == len(text):
            self._slide(text)
        return new

    def finish(self) -> str:
        """What was held back; the tokens end here."""
        text = self._tokens.decode(self._ids)
        held = text[self._shown :]
        self._shown = len(text)
        return held

    def _slide(self, text: str) -> None:
        """Forget the older tokens, where the rest alone decodes to an end of the text."""
        kept = self._ids[-_KEPT:]
        tail = self._tokens.decode(kept)
        if tail and text.endswith(tail) and not tail.startswith(_REPLACEMENT):
            self._ids, self._shown = kept, len(tail)


class StopStrings:
    """Text up to the first stop string, exact at any split of the text.

    The first to be complete stops; if several are complete at the same character, the longest. The stop string
    itself is not part of the text.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(string for string in strings if string)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Text that may be shown now."""
        if self.stopped:
            return ""
        shown = ""
        for character in text if self._strings else ():
            self._held += character
            ended = max((s for s in self._strings if self._held.endswith(s)), key=len, default=None)
            if ended is not None:
                self.stopped = True
                shown += self._held[: -len(ended)]
                self._held = ""
                return shown
            safe = len(self._held) - self._pending()
            shown += self._held[:safe]
            self._held = self._held[safe:]
        return shown if self._strings else text

    def finish(self) -> str:
        """What was held back for a stop string that did not come."""
        held, self._held = self._held, ""
        return held

    def _pending(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        for length in range(len(self._held), 0, -1):
            end = self._held[-length:]
            if any(string.startswith(end) for string in self._strings):
                return length
        return 0


class TextStream:
    """Tokens of one answer to its text: detokenized, cut at a stop string, without whitespace at its beginning.

    ``text`` is all that has been shown. ``end_repeats``: cut at a repetition, too; ``repeats`` says that it was.
    """

    def __init__(self, tokens: TextTokenizer, stop_strings: Sequence[str] = (), *, end_repeats: bool = False) -> None:
        self._detokenizer = Detokenizer(tokens)
        self._end = TextEnd(stop_strings, end_repeats=end_repeats)
        self.text = ""

    @property
    def repeats(self) -> bool:
        """Whether the answer ends where it began to repeat itself."""
        return self._end.repeats

    def push(self, token: int) -> str:
        """New text to show."""
        return self._show(self._end.push(self._detokenizer.push(token)))

    def finish(self) -> str:
        """The rest of the text; no token comes after this."""
        rest = self._end.push(self._detokenizer.finish())
        return self._show(rest + self._end.finish())

    def _show(self, text: str) -> str:
        new = text if self.text else text.lstrip()
        self.text += new
        return new


class TextEnd:
    """Text up to where it ends: at a stop string, or at a repetition if ``end_repeats``."""

    def __init__(self, stop_strings: Sequence[str], *, end_repeats: bool) -> None:
        self._stop = StopStrings(stop_strings)
        self._repetition = Repetition() if end_repeats else None

    @property
    def repeats(self) -> bool:
        """Whether it ends at a repetition."""
        return self._repetition is not None and self._repetition.stopped

    @property
    def stopped(self) -> bool:
        """Whether the text has ended."""
        return self._stop.stopped or self.repeats

    def push(self, text: str) -> str:
        """Text that may be shown now."""
        if self.repeats:
            return ""
        return self._through(self._stop.push(text))

    def finish(self) -> str:
        """What was held back for an end that did not come."""
        rest = self._through(self._stop.finish())
        return rest if self._repetition is None else rest + self._repetition.finish()

    def _through(self, text: str) -> str:
        return text if self._repetition is None else self._repetition.push(text)


def stop_factory(
    tokens: TextTokenizer, strings: Sequence[str], *, end_repeats: bool = False
) -> Callable[[], Callable[[int], bool]] | None:
    """What ``decoding.interfaces.Request.stop`` wants; None where nothing stops but end tokens and limits."""
    if not any(strings) and not end_repeats:
        return None

    def begin() -> Callable[[int], bool]:
        detokenizer, end = Detokenizer(tokens), TextEnd(strings, end_repeats=end_repeats)

        def completes(token: int) -> bool:
            end.push(detokenizer.push(token))
            return end.stopped

        return completes

    return begin
