"""The bytes of a database file, read and wiped by a process of its own (``page_wipe``).

POSIX drops all locks that a process has on a file when that process closes the file once. SQLite's locks are of this
kind, so no process may open the file of a database that it has open in SQLite, too. The program stays a module apart,
because it runs with ``-I -S``, without this package on its path. Knows nothing of what the bytes mean.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from corpora.store import page_wipe
from corpora.store.checksum import Checksum


def digest(path: Path) -> Checksum:
    """SHA-256 and size of a file. Raises OSError."""
    sha256, size = _run("digest", path)
    return Checksum(sha256, int(size))


def is_open(path: Path) -> bool:
    """Whether SQLite has this database open, in this process or another. Raises OSError."""
    (answer,) = _run("open", path)
    return answer == "1"


def zero_unused(path: Path, *, lock: int | None) -> int:
    """Zero every byte of the file that holds nothing; how many were not zero. Raises OSError.

    Nobody may write to the database meanwhile, and its write-ahead log must be empty. ``lock`` is the open file of the
    writer's lock: the process that zeroes inherits it, so that nobody writes before it ends, should we be killed.
    """
    (zeroed,) = _run("zero", path, lock)
    return int(zeroed)


def _run(action: str, path: Path, lock: int | None = None) -> list[str]:
    command = [sys.executable, "-I", "-S", page_wipe.__file__, action, os.fspath(path.absolute())]
    inherited = [] if lock is None or os.name == "nt" else [lock]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, pass_fds=inherited)
    if done.returncode != 0:
        raise OSError(f"{path} could not be worked on: {done.stderr.decode(errors='replace')[-200:]}")
    return done.stdout.decode().split()
