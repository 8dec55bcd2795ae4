"""The nursery: one single-threaded process that has the loaders imported and forks a limited child for each file.

Run as ``python -m corpora.loaders.isolation.fork_server SOCKET`` by ``nursery_client``. Over that socket come tasks,
each with two
sockets of its own: one for the child (file in, answer out), one for us (how the child ended; that it was closed means
that nobody waits any more). Never looks at a byte of a file. Ends, with all children, when its socket closes.
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
_LOOK_FOR_PARENT_S = 10.0
_OPEN_FILES = 1024
_CHANNEL = 3  # the child's only open file beside the three that lead nowhere


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
    """A child at work."""

    pid: int
    status: socket.socket
    started_s: float
    ends_s: float
    is_late: bool = False


@dataclass(slots=True)
class _ForkServer:
    control: socket.socket
    children: dict[int, _Worker] = field(default_factory=dict)  # by the descriptor of their status socket

    def serve(self) -> None:
        parent = os.getppid()
        woken, wakes = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wakes, False)
        signal.signal(signal.SIGCHLD, _interrupt)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        watched = select.poll()
        watched.register(self.control, select.POLLIN)
        watched.register(woken, select.POLLIN)
        while os.getppid() == parent:
            ready = {descriptor for descriptor, _ in watched.poll(self._next_look_ms())}
            if woken in ready:
                with suppress(BlockingIOError):
                    os.read(woken, 4096)
            for gone in self._reap():
                watched.unregister(gone)
            self._end_late_and_forsaken(ready)
            if self.control.fileno() in ready:
                if (status := self._accept()) is None:
                    break
                watched.register(status, select.POLLIN)  # nothing ever comes but its end
        for child in self.children.values():
            _kill(child.pid)

    def _next_look_ms(self) -> float:
        """Until the next child is late, but not for long: a parent may end while others hold its end of the socket."""
        now = time.monotonic()
        ends = [child.ends_s for child in self.children.values() if not child.is_late]
        return 1000 * max(0.0, min([_LOOK_FOR_PARENT_S, *(end_s - now for end_s in ends)]))

    def _accept(self) -> int | None:
        """Take one task and fork its child; the descriptor to watch. None if nobody is there any more."""
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
            _be_child(task, channel)
        with suppress(OSError):  # the child does it too; one of both is first
            os.setpgid(pid, pid)
        os.close(channel)
        self.children[status] = _Worker(pid, socket.socket(fileno=status), started_s, started_s + task.limits.wall_s)
        return status

    def _end_late_and_forsaken(self, ready: set[int]) -> None:
        now = time.monotonic()
        for descriptor, child in self.children.items():
            if now >= child.ends_s and not child.is_late:
                child.is_late = True
                _kill(child.pid)
            elif descriptor in ready:
                _kill(child.pid)

    def _reap(self) -> list[int]:
        """Take leave of children that ended and say how; the descriptors that are closed now."""
        gone = []
        for descriptor, child in list(self.children.items()):
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _kill(child.pid)  # what it may have started; its id cannot be another's before it is waited for
            _, status, usage = os.wait4(child.pid, 0)
            ended = WorkerExit(
                os.waitstatus_to_exitcode(status),
                child.is_late,
                time.monotonic() - child.started_s,
                usage.ru_utime + usage.ru_stime,
                usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            )
            with suppress(OSError):  # nobody waits for it any more
                child.status.sendall(ended.to_bytes())
            child.status.close()
            del self.children[descriptor]
            gone.append(descriptor)
        return gone


def _be_child(task: Task, channel: int) -> None:
    """Everything that the forked child does; does not return."""
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
    """Have the loader for this child and all that follow. If it cannot be imported, the child will say why."""
    try:
        import_loader(loader)
    except Exception:  # noqa: BLE001
        return
    gc.freeze()  # so that collecting garbage in a child copies no pages of what is shared


def _received_with_files(control: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """As ``socket.recv_fds``, which asks for nothing to be closed on exec."""
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
    for kill in (os.killpg, os.kill):  # its group may not be made yet
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _interrupt(signal_number: int, frame: object) -> None:
    """A child ended: only the wake-up descriptor matters."""


if __name__ == "__main__":
    main(sys.argv[1:])
