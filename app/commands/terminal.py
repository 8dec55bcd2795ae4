"""What a command may print and where: results to stdout, all else to stderr; with ``--json`` one document only.

`LiveLines` are lines at the foot of a terminal that are redrawn while something runs. Knows nothing of what is printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TextIO

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Terminal:
    """Standard output and error of one run of the command."""

    json: bool
    out: TextIO
    err: TextIO

    @classmethod
    def of(cls, *, json: bool) -> Terminal:
        """The process's own streams; text that they cannot encode is written with backslashes."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a test may have put something else in its place
                stream.reconfigure(errors="backslashreplace")
        return cls(json=json, out=sys.stdout, err=sys.stderr)

    def document(self, value: Mapping[str, object]) -> None:
        """Print the one JSON document. ASCII only, so that no locale can break it."""
        assert self.json, "a document is printed under --json only"
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        if (
            _LONE_SURROGATE.search(text) is not None
        ):  # Half a character, as names of files have: many a reader stops at it.
            value = json.loads(_LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))
        self.out.write(json.dumps(value, allow_nan=False) + "\n")
        self.out.flush()

    def write(self, text: str) -> None:
        """Write a part of the result for people, at once."""
        assert not self.json, "under --json nothing but the document goes to stdout"
        self.out.write(text)
        self.out.flush()

    def write_bytes(self, data: bytes) -> None:
        """Write the result as it is: no newline is translated, whatever the platform."""
        assert not self.json, "under --json nothing but the document goes to stdout"
        self.out.flush()
        self.out.buffer.write(data)
        self.out.buffer.flush()

    def line(self, text: str = "") -> None:
        """Write a line of the result for people."""
        self.write(text + "\n")

    def note(self, text: str) -> None:
        """Write a line that is not the result."""
        self.err.write(text + "\n")
        self.err.flush()

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write rows in aligned columns; the first row is the head."""
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        for index, row in enumerate(rows):
            text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(self.bold(text) if index == 0 else text)

    def bold(self, text: str) -> str:
        """``text``, bold where the terminal can show it."""
        return f"{_BOLD}{text}{_PLAIN}" if self._styled else text

    def dim(self, text: str) -> str:
        """``text``, dim where the terminal can show it."""
        return f"{_DIM}{text}{_PLAIN}" if self._styled else text

    @property
    def _styled(self) -> bool:
        """Styles are for a terminal that has them and a user who has not said no (no-color.org)."""
        return self.out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


_UP_AND_CLEAR = "\x1b[{}A\r\x1b[J"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class LiveLines:
    """Lines that are redrawn in place on ``stream``, a terminal. ``off``: nothing is drawn."""

    def __init__(self, stream: TextIO, *, off: bool = False) -> None:
        self._stream = stream
        self._off = off
        self._drawn = 0

    def draw(self, lines: Sequence[str]) -> None:
        """Replace the lines that were drawn last."""
        if self._off:
            return
        size = shutil.get_terminal_size((80, 24))
        fitting = [_fitted(line, size.columns - 1) for line in lines[: max(1, size.lines - 2)]]
        self._stream.write(self._erasing() + "".join(f"{line}\n" for line in fitting))
        self._stream.flush()
        self._drawn = len(fitting)

    def clear(self) -> None:
        """Erase the lines, so that something else can be written."""
        if self._drawn:
            self._stream.write(self._erasing())
            self._stream.flush()
            self._drawn = 0

    def _erasing(self) -> str:
        return _UP_AND_CLEAR.format(self._drawn) if self._drawn else ""


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody sees lines being redrawn there."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def may_ask() -> bool:
    """Whether somebody can be asked: both ends are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def plain(text: str) -> str:
    """``text`` as it may be written to a terminal: control characters become replacement characters."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _fitted(line: str, columns: int) -> str:
    """As much of a line as fits; a wrapped one would be counted wrongly."""
    fitting: list[str] = []
    width = 0
    for character in plain(line):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return "".join(fitting[:-1]) + "\N{HORIZONTAL ELLIPSIS}"
        fitting.append(character)
    return "".join(fitting)
