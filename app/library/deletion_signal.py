"""Tells running processes that a text was deleted, so that they forget what they keep in memory of earlier outputs.

    HOME/removals    a random number, another one after each deletion by any process

A running ``spandraft serve`` holds earlier outputs and prefilled prompts in memory, and both may repeat a text that
another process has just deleted. It looks at this file before each request, which costs one system call.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from corpora.errors import LibraryError
from corpora.store.atomic_write import write_file

_FILE: Final = "removals"


def signal_deletion(home: Path) -> None:
    """Tell every running process that a text was deleted. Raises ``LibraryError``."""
    try:
        write_file(home / _FILE, [f"{secrets.token_hex(8)}\n".encode()])
    except OSError as error:
        raise LibraryError(
            f"the text is deleted, but {home / _FILE}, which tells others, cannot be written: {error.strerror}",
            hint="free some space, and restart a running `spandraft serve`",
        ) from error


class DeletionWatch:
    """Has anything been deleted since the last look? Any thread may ask."""

    def __init__(self, home: Path) -> None:
        self._file = home / _FILE
        self._last_seen = self._identity()

    def happened(self) -> bool:
        """Whether any process has deleted a text since this was last asked."""
        identity = self._identity()
        changed, self._last_seen = identity != self._last_seen, identity
        return changed

    def _identity(self) -> tuple[int, int] | None:
        """Inode and modification time in ns: a file that is written anew differs in one of them, or both."""
        try:
            status = os.stat(self._file)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns
