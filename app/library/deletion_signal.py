"""Deletion reaches the processes that run: what a model server keeps of earlier outputs goes when a text was deleted.

    HOME/removals    a number, another one after each deletion by any process

A running ``spandraft serve`` holds earlier outputs and read prompts in memory, and both may repeat a text that another
process has just deleted. It looks at this file before each request, which costs one call of the system.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from corpora.errors import LibraryError
from corpora.store.atomic_write import write_file

_FILE: Final = "removals"


def note_removal(home: Path) -> None:
    """Tell every running process that a text was deleted. Raises ``LibraryError``."""
    try:
        write_file(home / _FILE, [f"{secrets.token_hex(8)}\n".encode()])
    except OSError as error:
        raise LibraryError(
            f"the text is deleted, but {home / _FILE}, which tells others, cannot be written: {error.strerror}",
            hint="free some space, and restart a running `spandraft serve`",
        ) from error


class Removals:
    """Has anything been deleted since the last look? Any thread may ask."""

    def __init__(self, home: Path) -> None:
        self._file = home / _FILE
        self._seen = self._mark()

    def happened(self) -> bool:
        """Whether any process has deleted a text since this was last asked."""
        mark = self._mark()
        changed, self._seen = mark != self._seen, mark
        return changed

    def _mark(self) -> tuple[int, int] | None:
        """A file that is written anew has another number on disk, or another time, or both."""
        try:
            found = os.stat(self._file)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns
