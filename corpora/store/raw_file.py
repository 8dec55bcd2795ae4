"""The bytes of a database file, read and zeroed by a process of its own.

POSIX takes all locks that a process has on a file when it closes that file once. SQLite's locks are of this kind, so no
process may open the file of a database that it has open in SQLite, too. Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from corpora.store import page_wipe
from corpora.store.checksum import Checksum


def digest(path: Path) -> Checksum:
    """What a file is. Raises OSError."""
    sha256, size = _answer("digest", path)
    return Checksum(sha256, int(size))


def is_open(path: Path) -> bool:
    """Whether SQLite has this database open, in this process or another. Raises OSError."""
    (answer,) = _answer("open", path)
    return answer == "1"


def zero_unused(path: Path, *, lock: int | None) -> int:
    """Zero whatever holds nothing; how many bytes were not zero. Raises OSError.

    Nobody may write to the database meanwhile, and its write-ahead log must be empty. ``lock`` is the locked file of
    the writer's lock: the process that zeroes has it, too, so that nobody writes before it ends if we are killed.
    """
    (zeroed,) = _answer("zero", path, lock)
    return int(zeroed)


def _answer(what: str, path: Path, lock: int | None = None) -> list[str]:
    command = [sys.executable, "-I", "-S", page_wipe.__file__, what, os.fspath(path.absolute())]
    passed = [] if lock is None or os.name == "nt" else [lock]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=passed)
    if done.returncode != 0:
        raise OSError(f"{path} could not be worked on: {done.stderr.decode(errors='replace')[-200:]}")
    return done.stdout.decode().split()
