"""Names the processes that have a file open, where the system tells: Linux does, for processes of the same user.

Knows nothing of databases. Elsewhere no process is named, and nothing fails.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

_LONGEST_COMMAND = 120
_PROCESSES = Path("/proc")


def processes_using(paths: Iterable[Path]) -> list[str]:
    """``process 12 (spandraft serve)`` for each process that has one of these files open."""
    real_paths = {os.path.realpath(path) for path in paths}
    try:
        numbers = sorted(int(entry.name) for entry in _PROCESSES.iterdir() if entry.name.isdecimal())
    except OSError:
        return []
    return [_named(number) for number in numbers if _has_open(number, real_paths)]


def _has_open(number: int, real_paths: set[str]) -> bool:
    with contextlib.suppress(OSError), os.scandir(_PROCESSES / str(number) / "fd") as handles:  # It may have ended.
        for handle in handles:
            with contextlib.suppress(OSError):  # It has just been closed.
                if os.readlink(handle.path) in real_paths:
                    return True
    return False


def _named(number: int) -> str:
    if number == os.getpid():
        return f"this process ({number})"
    with contextlib.suppress(OSError):
        words = (_PROCESSES / str(number) / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        command = " ".join(word for word in words if word)
        if command:
            return f"process {number} ({command[:_LONGEST_COMMAND]})"
    return f"process {number}"
