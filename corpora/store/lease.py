"""One process runs a job: a lock on a file that the system lets go when its process ends, however it ends.

Knows nothing of jobs. Where there are no such locks, everybody gets it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE_S = 0.5  # Somebody who only looks holds the lock for an instant.
_PAUSE_S = 0.02


@contextmanager
def lease(path: Path) -> Iterator[bool]:
    """Hold the lock inside; False if somebody else holds it. The file goes with the lock."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    deadline_s = time.monotonic() + _PATIENCE_S
    while (handle := _locked(path)) is None and time.monotonic() < deadline_s:
        time.sleep(_PAUSE_S)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):  # a read-only disk; the lock is what counts, not its file
                path.unlink(missing_ok=True)
            os.close(handle)


def is_held(path: Path) -> bool:
    """Does somebody hold the lock now?"""
    if not path.exists():
        return False
    handle = _locked(path)
    if handle is not None:
        os.close(handle)
    return handle is None


def _locked(path: Path) -> int | None:
    """The locked file, if nobody else has it locked; one that was deleted meanwhile locks nothing."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if _lock(handle) and _is_same(path, handle):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _lock(handle: int) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
