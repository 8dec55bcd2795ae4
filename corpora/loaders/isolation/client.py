"""The client of the fork server: starts it, sends it tasks, receives the answers, and starts another when it has died.

Thread-safe: each caller waits for its own worker. Limits the length of an answer and does not look into it.
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
# Not our own environment, which may hold secrets. NumPy, which language detection uses, must start no threads, since
# the server forks. Huge pages halve the time of a fork.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
_LENGTH = struct.Struct("<L")
_CHUNK_BYTES = 2**18
_SEND_TIMEOUT_S = 10.0  # tasks are small: a server that takes longer is stuck
_GRACE_S = 30.0  # for the server to start, to import a loader and to report how the worker ended


class ForkServerDied(Exception):
    """The fork server ended or hung before it reported how the worker ended."""


class ForkServer:
    """A fork server process, started when it is first needed. One a process is enough: ``shared_fork_server()``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        atexit.register(self.close)

    def ask(self, task: Task, data: bytes) -> tuple[bytearray, WorkerExit]:
        """The answer of a worker, cut shortly after ``task.answer_bytes`` if it is too long, and how the worker ended.

        Raises ``ForkServerDied``; the next call starts another server.
        """
        channel, worker_channel = socket.socketpair()
        status, server_status = socket.socketpair()
        with channel, status:
            with worker_channel, server_status:
                process = self._send(task, [worker_channel, server_status])
            deadline_s = time.monotonic() + task.limits.wall_s + _GRACE_S
            try:
                answer = _exchanged(channel, data, task.answer_bytes, deadline_s)
                channel.close()
                if len(answer) > task.answer_bytes:
                    status.shutdown(socket.SHUT_WR)  # which ends the worker
                return answer, _ended(status, deadline_s)
            except ForkServerDied:
                self._discard(process)
                raise

    def close(self) -> None:
        """End the server and its workers."""
        with self._lock:
            process, self._process = self._process, None
            control, self._control = self._control, None
        if process is None or control is None or self._owner != os.getpid():
            return  # a forked child must not end its parent's server
        control.close()
        process.kill()
        process.wait()

    def pid(self) -> int | None:
        """The process id of the server; None if none is running."""
        process = self._process
        return None if process is None else process.pid

    def _send(self, task: Task, files: list[socket.socket]) -> subprocess.Popen[bytes]:
        packed = task.to_json().encode("utf-8")
        for _ in range(2):  # the server may have died since it was last used
            with self._lock:
                process, control = self._running()
                try:
                    socket.send_fds(control, [_LENGTH.pack(len(packed))], [file.fileno() for file in files])
                    control.sendall(packed)
                    return process
                except OSError:
                    pass
            self._discard(process)
        raise ForkServerDied("it takes no tasks")

    def _running(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._process is None or self._control is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-s", "-m", "corpora.loaders.isolation.fork_server", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],  # and nothing else that is open here, such as a database
                    env=ENVIRONMENT,
                    cwd=ROOT.anchor,
                    start_new_session=True,  # so that an interrupt at the terminal does not reach it
                )
            ours.settimeout(_SEND_TIMEOUT_S)
            self._control = ours
        return self._process, self._control

    def _discard(self, process: subprocess.Popen[bytes]) -> None:
        """Make sure that this server is dead and not used again."""
        with self._lock:
            if self._process is process and self._control is not None:
                self._control.close()
                self._process = self._control = None
        process.kill()
        process.wait()


def is_possible() -> bool:
    """Whether this system has what a fork server needs."""
    return all(hasattr(os, needed) for needed in ("fork", "waitid", "wait4"))


def shared_fork_server() -> ForkServer:
    """The fork server of this process. Shared, since a server holds no state but its imported loaders."""
    return _of_process(os.getpid())


@cache
def _of_process(pid: int) -> ForkServer:
    return ForkServer()


def _exchanged(channel: socket.socket, data: bytes, limit: int, deadline_s: float) -> bytearray:
    """Write the file and read the answer, as the worker is ready for either."""
    channel.setblocking(False)
    answer, unsent = bytearray(), memoryview(data)
    watched = select.poll()
    watched.register(channel, select.POLLIN | select.POLLOUT)
    while len(answer) <= limit:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not watched.poll(1000 * left_s):
            raise ForkServerDied("it did not end a worker in time")
        if unsent is not None:
            unsent = _sent(channel, unsent)
            if not unsent:
                watched.modify(channel, select.POLLIN)
        with suppress(BlockingIOError):
            try:
                part = channel.recv(_CHUNK_BYTES)
            except ConnectionError:
                break  # the worker ended without reading all
            if not part:
                break
            answer += part
    return answer


def _sent(channel: socket.socket, unsent: memoryview) -> memoryview:
    """Send what the socket takes; returns the rest. When all is sent, or nobody reads, the sending side is closed."""
    if unsent:
        try:
            unsent = unsent[channel.send(unsent[:_CHUNK_BYTES]) :]
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
            raise ForkServerDied("it does not report how a worker ended") from error
        if not part:
            raise ForkServerDied("it ended")
        packed += part
    return WorkerExit.from_bytes(packed)
