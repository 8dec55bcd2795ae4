"""Spawns a new Python for one task, where there is no fork or the fork server has died. Much slower than forking.

The worker gets the file on stdin and answers on stdout; nothing else crosses.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from corpora.loaders.isolation.client import ENVIRONMENT, ROOT
from corpora.loaders.isolation.wire_format import Task, WorkerExit


def ask_spawned(task: Task, data: bytes) -> tuple[bytes, WorkerExit]:
    """As ``ForkServer.ask``, but what the worker cost is not known."""
    started_s = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "corpora.loaders.isolation.worker", task.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd=ROOT.anchor,
        start_new_session=True,
    )
    with _ended_after(process, task.limits.wall_s) as late, _fed(process, data):
        assert process.stdout is not None
        answer = process.stdout.read(task.answer_bytes + 1)
        if len(answer) > task.answer_bytes:
            _kill(process)
        status = process.wait()
    return answer, WorkerExit(status, late.is_set(), time.monotonic() - started_s, 0.0, 0)


@contextmanager
def _ended_after(process: subprocess.Popen[bytes], wall_s: float) -> Iterator[threading.Event]:
    """Kill the worker's process group after ``wall_s``, or on leaving; the event says that time ran out."""
    late = threading.Event()

    def end() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(wall_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def _fed(process: subprocess.Popen[bytes], data: bytes) -> Iterator[None]:
    """Write the file to the worker while its answer is being read."""

    def feed() -> None:
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                pipe.write(data)
        except BrokenPipeError:
            return  # The worker ended early; its answer or its status says why.

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield
    finally:
        _kill(process)
        feeder.join()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and everything that it started; nothing if it has ended and was waited for."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
