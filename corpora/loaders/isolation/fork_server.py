"""The fork server: a single-threaded process that has the loaders imported and forks a sandboxed worker for each file.

``client`` runs it as ``python -m corpora.loaders.isolation.fork_server SOCKET``. Tasks arrive over that socket, each
with two sockets of its own: one for the worker (file in, answer out), one for the server's report of how the worker
ended; if the latter is closed, nobody waits any more. Never looks at a byte of a file. Ends, with all workers, when its
socket closes.
"""

from __future__ import annotations

import array
import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

from corpora.loaders.isolation import sandbox
from corpora.loaders.isolation.wire_format import Task, WorkerExit
from corpora.loaders.isolation.worker import run_task
from corpora.loaders.registry import import_loader

_LENGTH = struct.Struct("<L")
_CHECK_PARENT_S = 10.0
_OPEN_FILES = 1024
_CHANNEL = 3  # the worker's only open file beside the three standard ones, which are /dev/null


def main(arguments: list[str]) -> None:
    """Serve until the other end of the socket is closed."""
    _, ceiling = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_files = _OPEN_FILES if ceiling == resource.RLIM_INFINITY else min(_OPEN_FILES, ceiling)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    sandbox.leave_network()
    sandbox.confine(code=sandbox.code_folders())
    _ForkServer(socket.socket(fileno=int(arguments[0]))).serve()


@dataclass(slots=True)
class _Worker:
    """A running worker process."""

    pid: int
    status: socket.socket
    started_s: float
    ends_s: float
    is_late: bool = False


@dataclass(slots=True)
class _ForkServer:
    control: socket.socket
    workers: dict[int, _Worker] = field(default_factory=dict)  # by the descriptor of their status socket

    def serve(self) -> None:
        parent = os.getppid()
        wakeup_reader, wakeup_writer = os.pipe()
        os.set_blocking(wakeup_reader, False)
        os.set_blocking(wakeup_writer, False)
        signal.signal(signal.SIGCHLD, _interrupt)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        watched = select.poll()
        watched.register(self.control, select.POLLIN)
        watched.register(wakeup_reader, select.POLLIN)
        while os.getppid() == parent:
            ready = {descriptor for descriptor, _ in watched.poll(self._poll_timeout_ms())}
            if wakeup_reader in ready:
                with suppress(BlockingIOError):
                    os.read(wakeup_reader, 4096)
            for gone in self._reap():
                watched.unregister(gone)
            self._kill_unneeded(ready)
            if self.control.fileno() in ready:
                if (status := self._accept()) is None:
                    break
                watched.register(status, select.POLLIN)  # nothing is ever received but its end
        for worker in self.workers.values():
            _kill(worker.pid)

    def _poll_timeout_ms(self) -> float:
        """Until the next worker is late, 10 s at most: the parent may end while others hold its end of the socket."""
        now = time.monotonic()
        ends = [worker.ends_s for worker in self.workers.values() if not worker.is_late]
        return 1000 * max(0.0, min([_CHECK_PARENT_S, *(end_s - now for end_s in ends)]))

    def _accept(self) -> int | None:
        """Receive a task and fork its worker; returns the descriptor to watch, None if the client is gone."""
        head, descriptors = _received_with_files(self.control, _LENGTH.size)
        if len(head) < _LENGTH.size or len(descriptors) != 2:
            return None
        task = Task.from_json(_received(self.control, _LENGTH.unpack(head)[0]))
        channel, status = descriptors
        if task.kind == "document":
            _import_ahead(task.loader)
        started_s = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _run_worker(task, channel)
        with suppress(OSError):  # the worker does it, too; either may be first
            os.setpgid(pid, pid)
        os.close(channel)
        self.workers[status] = _Worker(pid, socket.socket(fileno=status), started_s, started_s + task.limits.wall_s)
        return status

    def _kill_unneeded(self, ready: set[int]) -> None:
        now = time.monotonic()
        for descriptor, worker in self.workers.items():
            if now >= worker.ends_s and not worker.is_late:
                worker.is_late = True
                _kill(worker.pid)
            elif descriptor in ready:
                _kill(worker.pid)

    def _reap(self) -> list[int]:
        """Report workers that ended; returns the descriptors that are closed now."""
        gone = []
        for descriptor, worker in list(self.workers.items()):
            if os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill(worker.pid)  # What it may have started; its id is not reused before it is waited for.
            _, status, usage = os.wait4(worker.pid, 0)
            ended = WorkerExit(
                os.waitstatus_to_exitcode(status),
                worker.is_late,
                time.monotonic() - worker.started_s,
                usage.ru_utime + usage.ru_stime,
                usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            )
            with suppress(OSError):  # nobody waits for it any more
                worker.status.sendall(ended.to_bytes())
            worker.status.close()
            del self.workers[descriptor]
            gone.append(descriptor)
        return gone


def _run_worker(task: Task, channel: int) -> None:
    """Everything that the forked process does; does not return."""
    status = 1
    try:
        sandbox.die_with_parent()
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(channel, _CHANNEL)
        os.closerange(_CHANNEL + 1, _OPEN_FILES)
        sandbox.isolate()
        with socket.socket(fileno=_CHANNEL) as file:
            for part in run_task(task, lambda: _read_all(file)):
                file.sendall(part)
        status = 0
    finally:
        os._exit(status)


def _read_all(file: socket.socket) -> bytes:
    whole = bytearray()
    while part := file.recv(2**20):
        whole += part
    return bytes(whole)


def _import_ahead(loader: str) -> None:
    """Import the loader for this worker and all later ones. If it cannot be imported, the worker will report why."""
    try:
        import_loader(loader)
    except Exception:  # noqa: BLE001
        return
    gc.freeze()  # so that garbage collection in a worker copies no shared pages


def _received_with_files(control: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """As ``socket.recv_fds``, without a flag that closes the descriptors on exec."""
    files = array.array("i")
    data, ancillary, _, _ = control.recvmsg(size, socket.CMSG_LEN(2 * files.itemsize))
    for level, kind, packed in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            files.frombytes(packed[: len(packed) - len(packed) % files.itemsize])
    return data, list(files)


def _received(control: socket.socket, size: int) -> bytes:
    whole = bytearray()
    while len(whole) < size and (part := control.recv(size - len(whole))):
        whole += part
    return bytes(whole)


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):  # its group may not exist yet
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _interrupt(signal_number: int, frame: object) -> None:
    """A worker ended: only the wake-up descriptor matters."""


if __name__ == "__main__":
    main(sys.argv[1:])
