"""Locks on files, held by a process and released by the operating system when that process ends, however it ends.

    home/corpora/NAME/writer.lock        who is writing, as JSON: pid, command, since when

``WriterLock`` admits one writer to a corpus among all threads and processes, and names the holder to whoever waits.
``process_lock`` admits one process to anything else that has a lock file, such as the run of a job. A lock file that
was left behind blocks nobody. Knows nothing of what the locks protect.
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

WRITER_LOCK_FILE = "writer.lock"
_LONGEST_COMMAND = 120
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.0005, 0.01
_GLANCE_S = 0.5  # ``is_held`` takes the lock for an instant: whoever wants it tries again for so long.
_GLANCE_PAUSE_S = 0.02
_LOCKED_BYTE = 1 << 30  # Windows locks bytes, also against reading: one that nobody reads.


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock: what it was started with, and since when it holds it."""

    pid: int
    command: str
    since: datetime


class WriterLock:
    """Held by one thread of one process; that thread may take it again inside. A forked child does not hold it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.RLock()
        self._depth = 0
        self._file: int | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    @contextmanager
    def held(self, timeout_s: float) -> Iterator[None]:
        """Wait for the lock and hold it inside. Raises ``LibraryBusy`` with the holder's name, ``LibraryError``."""
        deadline = time.monotonic() + timeout_s
        threads, process = self._threads, os.getpid()
        if not threads.acquire(timeout=max(0.0, timeout_s)):
            raise self._busy(timeout_s)
        try:
            if self._depth == 0:
                self._file = self._acquired(deadline, timeout_s)
            self._depth += 1
            try:
                yield
            finally:
                if os.getpid() == process:  # A child that was forked inside never had it.
                    self._depth -= 1
                    if self._depth == 0:
                        self._release()
        finally:
            if os.getpid() == process:
                threads.release()

    def handle(self) -> int | None:
        """The locked file while this is held. A process that inherits it keeps others from writing if we are killed."""
        return self._file

    def holder(self) -> Holder | None:
        """Who wrote last into the lock file; None if the lock was released, or the file cannot be read."""
        try:
            return _holder_from(self.path.read_bytes())
        except OSError:
            return None

    def _acquired(self, deadline: float, timeout_s: float) -> int:
        """The locked file. Pauses grow and differ, so that waiting processes do not wake in step."""
        pause_s = _FIRST_PAUSE_S
        while True:
            file = self._opened()
            if try_lock(file) and _is_current(self.path, file):
                _write_holder(file)
                return file
            os.close(file)
            if time.monotonic() >= deadline:
                raise self._busy(timeout_s)
            time.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)

    def _release(self) -> None:
        file, self._file = self._file, None
        assert file is not None, "it is held"
        try:
            with contextlib.suppress(OSError):  # The holder's name is a courtesy to others.
                os.ftruncate(file, 0)
            unlock(file)
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

    def _busy(self, timeout_s: float) -> LibraryBusy:
        holder = self.holder()
        if holder is None:
            who = f"another process has been writing to {self.path.parent} for {timeout_s:g} s"
        else:
            since = holder.since.astimezone().strftime("%H:%M:%S")
            who = f"process {holder.pid} ({holder.command}) has been writing to {self.path.parent} since {since}"
        return LibraryBusy(who, hint="wait for it, then try again")

    def _leave_to_parent(self) -> None:
        """In a forked child: the lock stays the parent's, and is released when the parent releases it or dies."""
        if self._file is not None:
            os.close(self._file)
        self._threads, self._depth, self._file = threading.RLock(), 0, None


@contextmanager
def process_lock(path: Path) -> Iterator[bool]:
    """Hold the lock of this file inside; yields False if another process holds it. The file is deleted on leaving."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    deadline_s = time.monotonic() + _GLANCE_S
    while (file := _locked(path)) is None and time.monotonic() < deadline_s:
        time.sleep(_GLANCE_PAUSE_S)
    try:
        yield file is not None
    finally:
        if file is not None:
            with contextlib.suppress(OSError):  # a read-only disk; the lock is what counts, not its file
                path.unlink(missing_ok=True)
            os.close(file)


def is_held(path: Path) -> bool:
    """Whether a process holds ``process_lock`` of this file now."""
    if not path.exists():
        return False
    file = _locked(path)
    if file is not None:
        os.close(file)
    return file is None


def _locked(path: Path) -> int | None:
    """The locked file, if nobody else has it locked."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if try_lock(file) and _is_current(path, file):
            return file
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def _is_current(path: Path, file: int) -> bool:
    """Whether the file that was locked is still the one at its path; a deleted file locks nothing."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _forked(reference: weakref.ref[WriterLock]) -> None:
    lock = reference()
    if lock is not None:
        lock._leave_to_parent()


def _write_holder(file: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else "python"
    fields = {"pid": os.getpid(), "command": command[:_LONGEST_COMMAND], "since": datetime.now(UTC).isoformat()}
    with contextlib.suppress(OSError):  # On a full disk the lock still works, so that room can be made.
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, json.dumps(fields).encode("utf-8", "replace"))


def _holder_from(content: bytes) -> Holder | None:
    try:
        fields = json.loads(content)
        return Holder(int(fields["pid"]), str(fields["command"]), datetime.fromisoformat(fields["since"]))
    except (ValueError, KeyError, TypeError):
        return None


if sys.platform == "win32":
    import msvcrt

    def try_lock(file: int) -> bool:
        """Lock an open file without waiting; False if another process has it locked."""
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def unlock(file: int) -> None:
        """Release the lock, also where a forked child has the file open, too."""
        os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(file: int) -> bool:
        """Lock an open file without waiting; False if another process has it locked."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(file: int) -> None:
        """Release the lock, also where a forked child has the file open, too."""
        fcntl.flock(file, fcntl.LOCK_UN)
