"""The tests' side of the zygote: start a task in a new process, kill it or wait for it, read what it said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.shim import Shim

ROOT = Path(__file__).parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, or minus the signal; and the lines it said."""

    code: int
    lines: list[dict[str, Any]]

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def said(self, key: str) -> list[Any]:
        """All values that it said under ``key``, in order."""
        return [line[key] for line in self.lines if key in line]

    def last(self, key: str) -> Any:
        values = self.said(key)
        assert values, f"the child never said {key}: {self.lines}"
        return values[-1]


class Child:
    """A running task."""

    def __init__(self, zygote: Zygote, pid: int, report: Path) -> None:
        self._zygote = zygote
        self.pid = pid
        self.report = report

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def lines(self) -> list[dict[str, Any]]:
        """What it has said so far; a line that a kill cut off was never said."""
        said = self.report.read_text() if self.report.exists() else ""
        return [json.loads(line) for line in said.split("\n")[:-1]]

    def wait(self) -> Ended:
        code = self._zygote.ask({"wait": self.pid})["code"]
        return Ended(code, self.lines())


class Zygote:
    """One process that forks the children. Waiting for one keeps it from starting another: take two for that."""

    def __init__(self, shim: Path, folder: Path) -> None:
        self._folder = folder
        self._reports = 0
        environment = {**os.environ, **ONE_THREAD, "LD_PRELOAD": str(shim), "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def ask(self, wish: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks the children has died"
        said: dict[str, Any] = json.loads(answer)
        return said

    def start(self, task: str, *, root: Path | None = None, shim: Shim | None = None, **arguments: Any) -> Child:
        """Run ``tests.crash.all_tasks.TASK(report, **arguments)`` in a new process, with ``shim`` on ``root``."""
        self._reports += 1
        report = self._folder / f"report-{os.getpid()}-{id(self)}-{self._reports}.jsonl"
        report.unlink(missing_ok=True)
        variables = shim.variables(root, report.with_suffix(".shared")) if shim is not None and root is not None else {}
        wish = {"task": task, "report": str(report), "shim": variables, "arguments": arguments}
        return Child(self, self.ask(wish)["pid"], report)

    def run(self, task: str, *, root: Path | None = None, shim: Shim | None = None, **arguments: Any) -> Ended:
        return self.start(task, root=root, shim=shim, **arguments).wait()

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()
