"""The writer's lock of a corpus: one writer at a time among all threads and processes, and a name for who it is.

    home/corpora/NAME/writer.lock        the holder as JSON: pid, command, since when

The lock is the operating system's: it goes with its process, however that ends, and a file that was left blocks nobody.
Knows nothing of what is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shlex
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from corpora.errors import LibraryBusy, LibraryError

FILE_NAME = "writer.lock"
_LONGEST_COMMAND = 120
_FIRST_NAP_S, _LONGEST_NAP_S = 0.0005, 0.01
_FAR = 1 << 30  # Windows locks bytes, also against reading: one that nobody reads.


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is writing: a process, what it was started with, and when it began."""

    pid: int
    command: str
    since: datetime


class WriterLock:
    """Held by one thread of one process; that thread may take it again inside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._file: int | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    @contextmanager
    def held(self, timeout_s: float) -> Iterator[None]:
        """Wait for the lock and hold it. Raises ``LibraryBusy`` with the holder's name, ``LibraryError``."""
        deadline = time.monotonic() + timeout_s
        threads, process = self._threads, os.getpid()
        if not threads.acquire(timeout=max(0.0, timeout_s)):
            raise self._busy(timeout_s)
        try:
            if self._depth == 0:
                self._file = self._taken(deadline, timeout_s)
            self._depth += 1
            try:
                yield
            finally:
                if os.getpid() == process:  # A child that was forked inside never had it.
                    self._depth -= 1
                    if self._depth == 0:
                        self._let_go()
        finally:
            if os.getpid() == process:
                threads.release()

    def handle(self) -> int | None:
        """The locked file while this is held. A process that gets it keeps others from writing, should we be killed."""
        return self._file

    def holder(self) -> Holder | None:
        """Who wrote last into the file; None if it was let go, or cannot be read."""
        try:
            return _holder_from(self.path.read_bytes())
        except OSError:
            return None

    def _taken(self, deadline: float, timeout_s: float) -> int:
        """The locked file. Naps grow and differ, so that those who wait do not wake in step."""
        nap_s = _FIRST_NAP_S
        while True:
            file = self._opened()
            if _lock(file) and self._is_in_place(file):
                _write_holder(file)
                return file
            os.close(file)
            if time.monotonic() >= deadline:
                raise self._busy(timeout_s)
            time.sleep(nap_s * random.uniform(0.5, 1.0))
            nap_s = min(_LONGEST_NAP_S, nap_s * 1.5)

    def _let_go(self) -> None:
        file, self._file = self._file, None
        assert file is not None, "it is held"
        try:
            with contextlib.suppress(OSError):  # Only what others would be told.
                os.ftruncate(file, 0)
            _unlock(file)
        finally:
            os.close(file)

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileNotFoundError as error:
            raise LibraryError(f"{self.path.parent} is no longer there", hint="open the corpus again") from error
        except OSError as error:
            raise LibraryError(
                f"{self.path} cannot be written to: {error.strerror}", hint="check its permissions and the disk"
            ) from error

    def _is_in_place(self, file: int) -> bool:
        """Whether the file that was locked is still the one that others would lock."""
        try:
            return os.path.samestat(os.fstat(file), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _busy(self, timeout_s: float) -> LibraryBusy:
        holder = self.holder()
        if holder is None:
            who = f"another process has been writing to {self.path.parent} for {timeout_s:g} s"
        else:
            since = holder.since.astimezone().strftime("%H:%M:%S")
            who = f"process {holder.pid} ({holder.command}) has been writing to {self.path.parent} since {since}"
        return LibraryBusy(who, hint="wait for it, then try again")

    def _leave_to_parent(self) -> None:
        """In a forked child: the parent's lock stays the parent's, and is let go when the parent says so or dies."""
        if self._file is not None:
            os.close(self._file)
        self._threads, self._depth, self._file = threading.RLock(), 0, None


def _forked(lock: weakref.ref[WriterLock]) -> None:
    one = lock()
    if one is not None:
        one._leave_to_parent()


def _write_holder(file: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else "python"
    known = {"pid": os.getpid(), "command": command[:_LONGEST_COMMAND], "since": datetime.now(UTC).isoformat()}
    with contextlib.suppress(OSError):  # A full disk does not stop who wants to make room.
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, json.dumps(known).encode("utf-8", "replace"))


def _holder_from(content: bytes) -> Holder | None:
    try:
        known = json.loads(content)
        return Holder(int(known["pid"]), str(known["command"]), datetime.fromisoformat(known["since"]))
    except (ValueError, KeyError, TypeError):
        return None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
