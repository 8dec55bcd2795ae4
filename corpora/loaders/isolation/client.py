"""Our side of the nursery: starts it, hands it tasks, reads the answers, and starts another when it has died.

Thread-safe: each caller waits for its own child. Believes nothing that a child writes beyond its length.
"""

from __future__ import annotations

import atexit
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from corpora.loaders.isolation.wire_format import WORKER_EXIT_BYTES, Task, WorkerExit

ROOT = Path(__file__).resolve().parents[3]
# Nothing of ours, which may hold secrets. NumPy, which tells languages, must start no threads: the nursery forks.
# Spreadsheets are read by defusedxml, also where lxml is installed. Large pages halve the time that a fork takes.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENPYXL_LXML": "False",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
_LENGTH = struct.Struct("<L")
_PIECE = 2**18
_HAND_OVER_S = 10.0  # tasks are small: who does not take them in this time is stuck
_GRACE_S = 30.0  # for the nursery to start, to import a loader and to say how the child ended


class ForkServerDied(Exception):
    """The nursery ended, or does not answer, before it said how the child ended."""


class ForkServer:
    """A nursery process, started when it is first needed. One per process is enough: ``shared_fork_server()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        atexit.register(self.close)

    def ask(self, task: Task, data: bytes) -> tuple[bytearray, WorkerExit]:
        """The answer of a child (longer than ``task.answer_bytes`` by a little if it is too long) and how it ended.

        Raises ``ForkServerDied``; the next call starts another.
        """
        channel, child_channel = socket.socketpair()
        status, nursery_status = socket.socketpair()
        with channel, status:
            with child_channel, nursery_status:
                process = self._hand_over(task, [child_channel, nursery_status])
            deadline_s = time.monotonic() + task.limits.wall_s + _GRACE_S
            try:
                answer = _exchanged(channel, data, task.answer_bytes, deadline_s)
                channel.close()
                if len(answer) > task.answer_bytes:
                    status.shutdown(socket.SHUT_WR)  # which ends the child
                return answer, _ended(status, deadline_s)
            except ForkServerDied:
                self._forget(process)
                raise

    def close(self) -> None:
        """End the nursery and whatever it runs."""
        with self._lock:
            process, self._process = self._process, None
            control, self._control = self._control, None
        if process is None or control is None or self._owner != os.getpid():
            return  # a forked copy of us must leave it alone
        control.close()
        process.kill()
        process.wait()

    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        process = self._process
        return None if process is None else process.pid

    def _hand_over(self, task: Task, files: list[socket.socket]) -> subprocess.Popen[bytes]:
        packed = task.to_json().encode("utf-8")
        for _ in range(2):  # the one that is there may have died since it was last used
            with self._lock:
                process, control = self._running()
                try:
                    socket.send_fds(control, [_LENGTH.pack(len(packed))], [file.fileno() for file in files])
                    control.sendall(packed)
                    return process
                except OSError:
                    pass
            self._forget(process)
        raise ForkServerDied("it takes no tasks")

    def _running(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._process is None or self._control is None:
            ours, its = socket.socketpair()
            with its:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-s", "-m", "corpora.loaders.isolation.fork_server", str(its.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[its.fileno()],  # and nothing else that is open here, such as a database
                    env=ENVIRONMENT,
                    cwd=ROOT.anchor,
                    start_new_session=True,  # an interrupt at the terminal is for us
                )
            ours.settimeout(_HAND_OVER_S)
            self._control = ours
        return self._process, self._control

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        """Make sure that this one is dead and not used again."""
        with self._lock:
            if self._process is process and self._control is not None:
                self._control.close()
                self._process = self._control = None
        process.kill()
        process.wait()


def is_possible() -> bool:
    """Does this system have what a nursery needs?"""
    return all(hasattr(os, needed) for needed in ("fork", "waitid", "wait4"))


def shared_fork_server() -> ForkServer:
    """The nursery of this process."""
    return _of_process(os.getpid())


@cache
def _of_process(pid: int) -> ForkServer:
    return ForkServer()


def _exchanged(channel: socket.socket, data: bytes, limit: int, deadline_s: float) -> bytearray:
    """Write the file and read the answer, each as the other side is ready for it."""
    channel.setblocking(False)
    answer, unsent = bytearray(), memoryview(data)
    watched = select.poll()
    watched.register(channel, select.POLLIN | select.POLLOUT)
    while len(answer) <= limit:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not watched.poll(1000 * left_s):
            raise ForkServerDied("it lets a child run on")
        if unsent is not None:
            unsent = _sent(channel, unsent)
            if not unsent:
                watched.modify(channel, select.POLLIN)
        with suppress(BlockingIOError):
            try:
                part = channel.recv(_PIECE)
            except ConnectionError:
                break  # it ended without reading all
            if not part:
                break
            answer += part
    return answer


def _sent(channel: socket.socket, unsent: memoryview) -> memoryview:
    """Send what goes; what is left. When all is sent, or nobody reads, the file ends."""
    if unsent:
        try:
            unsent = unsent[channel.send(unsent[:_PIECE]) :]
        except BlockingIOError:
            return unsent
        except ConnectionError:
            unsent = unsent[len(unsent) :]
    if not unsent:
        with suppress(OSError):
            channel.shutdown(socket.SHUT_WR)
    return unsent


def _ended(status: socket.socket, deadline_s: float) -> WorkerExit:
    packed = b""
    while len(packed) < WORKER_EXIT_BYTES:
        status.settimeout(max(0.001, deadline_s - time.monotonic()))
        try:
            part = status.recv(WORKER_EXIT_BYTES - len(packed))
        except (TimeoutError, ConnectionError) as error:
            raise ForkServerDied("it does not say how a child ended") from error
        if not part:
            raise ForkServerDied("it ended")
        packed += part
    return WorkerExit.from_bytes(packed)
