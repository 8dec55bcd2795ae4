"""The threads of the server that run jobs: one thread a corpus, one job after the other.

A job that was interrupted because the server ended continues when the next server starts; a paused one waits for the
user. An error that stops the jobs of a corpus is kept to be shown. Must not know how a job is run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from app.conversations.turns import Problem
from app.ui.state.error_display import reporting
from app.ui.state.interfaces import Registry
from corpora.errors import LibraryBusy
from corpora.jobs.job_records import Job

_PATIENCE_S: Final = 2.0


class JobWorkers:
    """Runs jobs in the background. Thread-safe."""

    def __init__(self, registry: Registry, on_run: Callable[[Job], None]) -> None:
        """Run jobs of ``registry``; ``on_run`` is called with each job that was run, in the thread that ran it."""
        self._registry = registry
        self._on_run = on_run
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._problems: dict[str, Problem] = {}
        self._stop = threading.Event()

    def wake(self, corpus: str) -> None:
        """Look for jobs to run in ``corpus``, in its own thread."""
        with self._lock:
            self._problems.pop(corpus, None)
            if self._stop.is_set() or corpus in self._threads:
                return
            thread = threading.Thread(target=self._work, args=(corpus,), name=f"spandraft-jobs-{corpus}", daemon=True)
            self._threads[corpus] = thread
            thread.start()

    def resume(self) -> None:
        """Continue the jobs of all corpora that an earlier server left unfinished."""
        with reporting():
            for corpus in self._registry.names():
                with reporting():  # one damaged corpus does not stop the others
                    if self._registry.jobs(corpus).waiting():
                        self.wake(corpus)

    def stop(self) -> None:
        """Interrupt all jobs and wait up to 2 s a thread; a job that still runs then counts as interrupted, too."""
        self._stop.set()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(_PATIENCE_S)

    def problem(self, corpus: str) -> Problem | None:
        """The error that stopped the jobs of ``corpus``, until the next ``wake``; None if there is none."""
        with self._lock:
            return self._problems.get(corpus)

    def _work(self, corpus: str) -> None:
        skipped: set[int] = set()
        while True:
            with reporting() as problems:
                number = self._next(corpus, skipped)
                if number is None:
                    return
                try:
                    job = self._registry.run_job(corpus, number, self._stop)
                except LibraryBusy:  # another process runs it
                    skipped.add(number)
                else:
                    skipped.update([number] if job.state == "queued" else [])
                    self._on_run(job)
            if problems:
                with self._lock:
                    self._problems[corpus] = problems[0]
                    del self._threads[corpus]
                return

    def _next(self, corpus: str, skipped: set[int]) -> int | None:
        """The next job to run. None ends the thread: it is unlisted here, so that the next ``wake`` starts another."""
        with self._lock:
            waiting = [] if self._stop.is_set() else self._registry.jobs(corpus).waiting()
            number = next((job.number for job in waiting if job.number not in skipped), None)
            if number is None:
                del self._threads[corpus]
            return number
