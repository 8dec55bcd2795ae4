"""Lines at the foot of a terminal, drawn anew again and again, and lines above them. Knows nothing of what they say."""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import TextIO

_UP_AND_CLEAR = "\x1b[{}A\r\x1b[J"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class LiveLines:
    """What is drawn on ``stream``, a terminal. ``off``: nothing is drawn, and what stays is still written."""

    def __init__(self, stream: TextIO, *, off: bool = False) -> None:
        self._stream = stream
        self._off = off
        self._drawn = 0

    def draw(self, lines: Sequence[str]) -> None:
        """Put these lines in the place of those drawn last."""
        if self._off:
            return
        size = shutil.get_terminal_size((80, 24))
        fitting = [_fitted(line, size.columns - 1) for line in lines[: max(1, size.lines - 2)]]
        self._stream.write(self._erasing() + "".join(f"{line}\n" for line in fitting))
        self._stream.flush()
        self._drawn = len(fitting)

    def clear(self) -> None:
        """Take the lines away, so that something else can be written."""
        if self._drawn:
            self._stream.write(self._erasing())
            self._stream.flush()
            self._drawn = 0

    def _erasing(self) -> str:
        return _UP_AND_CLEAR.format(self._drawn) if self._drawn else ""


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody sees lines being drawn anew there."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def may_ask() -> bool:
    """Whether somebody can be asked: both ends are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def plain(text: str) -> str:
    """``text`` as it may be written to a terminal: what steers one becomes a mark."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _fitted(line: str, columns: int) -> str:
    """As much of a line as fits; a wrapped one would be counted wrongly."""
    kept: list[str] = []
    width = 0
    for character in plain(line):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return "".join(kept[:-1]) + "\N{HORIZONTAL ELLIPSIS}"
        kept.append(character)
    return "".join(kept)
