"""A process that has everything imported and forks a child for each trial: a new process in milliseconds.

Reads a line of JSON for each wish and answers with one: ``start`` a function in a child, ``wait`` for a child. What a
child says goes line by line to its report, a file outside the library, so that a kill loses no word of it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import traceback
from typing import Any

from corpora.loaders.isolation import client
from corpora.loaders.isolation.wire_format import Task
from corpora.loaders.registry import Limits, loader_name
from retrieval.terms import terms
from tests.crash.shim import arm, loaded

IMPORTED = ("app.library.corpus", "retrieval.hybrid", "faiss", "tests.crash.all_tasks")


class Report:
    """Where a child says what it has done. Each line is also put into the shim's record."""

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, **said: Any) -> None:
        line = json.dumps(said)
        loaded().shim_note(line.encode())
        os.write(self._handle, line.encode() + b"\n")


def main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    terms("What is compiled once for all children.")
    warm_loaders()
    for line in sys.stdin:
        wish = json.loads(line)
        answer = {"pid": start(wish)} if "task" in wish else wait(wish["wait"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def warm_loaders() -> None:
    """One fork server for all children, one after the other: each would need a second to start its own."""
    fork_server = client.shared_fork_server()
    fork_server.ask(Task("document", loader_name("warm.txt"), "warm.txt", Limits()), b"Warm.")
    client._of_process = lambda pid: fork_server


def start(wish: dict[str, Any]) -> int:
    """Fork a child that runs one function and nothing else."""
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):  # The child may have been first.
            os.setpgid(pid, pid)
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(nothing, stream)
        report = Report(wish["report"])
        task = getattr(importlib.import_module("tests.crash.all_tasks"), wish["task"])
        try:
            arm(wish["shim"])
            task(report, **wish["arguments"])
            code = 0
        except BaseException as error:  # noqa: BLE001 - it is told, not hidden
            cause, hint = getattr(error, "cause", str(error)), getattr(error, "hint", "")
            kinds = [kind.__name__ for kind in type(error).__mro__]
            report(error=kinds, cause=cause, hint=hint, traceback=traceback.format_exc())
        report(calls=loaded().shim_calls(), grown=loaded().shim_grown())
    finally:
        os._exit(code)


def wait(pid: int) -> dict[str, int]:
    """How a child ended. What it has started may go on for a moment, as after any kill."""
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status)}


if __name__ == "__main__":
    main()
