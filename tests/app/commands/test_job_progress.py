"""What `corpus add` says of a job on its way where nobody sees lines being redrawn."""

from __future__ import annotations

import io
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from app.commands import corpus_add
from app.commands.terminal import Terminal
from corpora.jobs.job_records import Job

SIZES = (0, 0, 250_000, 250_000, 500_000)  # of a file of 1 MB, at each look


class OneLargeFile:
    """A corpus whose job has embedded so many bytes of its only file whenever somebody looks."""

    name = "letters"

    def __init__(self) -> None:
        self.jobs = self
        self._sizes = list(SIZES)
        self._seen = threading.Event()

    def get(self, number: int) -> Job:
        done = self._sizes.pop(0) if self._sizes else SIZES[-1]
        if not self._sizes:
            self._seen.set()
        return _job(done)

    def run(self, number: int) -> Job:
        assert self._seen.wait(20)
        time.sleep(0.05)
        return _job(SIZES[-1])


def _job(done: int) -> Job:
    return Job(
        number=7, kind="add", state="running", wanted="run", paths=(), counts={"embedding": 1}, outcomes={},
        bytes_done=done, bytes_total=1_000_000, eta_s=(1_000_000 - done) / 50_000 if done else None, busy_s=5.0,
        created_at=datetime(2026, 12, 1, tzinfo=UTC), finished_at=None, holder=None, cause=None, hint=None,
    )  # fmt: skip


def test_one_large_file_is_reported_as_it_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_add, "_TICK_S", 0.001)
    monkeypatch.setattr(corpus_add, "_REPORT_S", 0.0)
    terminal = Terminal(json=False, out=io.StringIO(), err=io.StringIO())
    corpus: Any = OneLargeFile()
    corpus_add._JobProgress(corpus, _job(0), terminal).run(threading.Event())
    assert terminal.err.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "job 7: 0 of 1 file, 250 kB of 1.0 MB, about 15 s left",
        "job 7: 0 of 1 file, 500 kB of 1.0 MB, about 10 s left",
    ]
