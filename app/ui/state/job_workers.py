"""Runs the jobs of the library in the server: one thread a corpus, one job after the other, whoever looks on.

A job that was interrupted, because the server ended, goes on when the next one starts; a paused one waits. What goes
wrong with a whole corpus is kept to be shown. Must not know how a job is run.
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
    """The threads. Any thread may call."""

    def __init__(self, registry: Registry, after: Callable[[Job], None]) -> None:
        """Run jobs of ``registry``; ``after`` is called with each job that was run, in its thread."""
        self._registry = registry
        self._after = after
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._problems: dict[str, Problem] = {}
        self._stop = threading.Event()

    def wake(self, corpus: str) -> None:
        """There may be something to run in ``corpus``."""
        with self._lock:
            self._problems.pop(corpus, None)
            if self._stop.is_set() or corpus in self._threads:
                return
            thread = threading.Thread(target=self._work, args=(corpus,), name=f"spandraft-jobs-{corpus}", daemon=True)
            self._threads[corpus] = thread
            thread.start()

    def resume(self) -> None:
        """Go on with what was interrupted, in all corpora."""
        with reporting():
            for corpus in self._registry.names():
                with reporting():  # one damaged corpus does not stop the others
                    if self._registry.jobs(corpus).waiting():
                        self.wake(corpus)

    def stop(self) -> None:
        """Interrupt everything and wait for it a little: what is left running counts as interrupted, too."""
        self._stop.set()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(_PATIENCE_S)

    def problem(self, corpus: str) -> Problem | None:
        """Why the jobs of ``corpus`` do not go on, if they do not."""
        with self._lock:
            return self._problems.get(corpus)

    def _work(self, corpus: str) -> None:
        busy: set[int] = set()
        while True:
            with reporting() as problems:
                number = self._next(corpus, busy)
                if number is None:
                    return
                try:
                    job = self._registry.run_job(corpus, number, self._stop)
                except LibraryBusy:  # another process runs it, and it is shown as running there
                    busy.add(number)
                else:
                    busy.update([number] if job.state == "queued" else [])
                    self._after(job)
            if problems:
                with self._lock:
                    self._problems[corpus] = problems[0]
                    del self._threads[corpus]
                return

    def _next(self, corpus: str, busy: set[int]) -> int | None:
        """The job to run; with None the thread has ended, and the next ``wake`` makes another."""
        with self._lock:
            waiting = [] if self._stop.is_set() else self._registry.jobs(corpus).waiting()
            number = next((job.number for job in waiting if job.number not in busy), None)
            if number is None:
                del self._threads[corpus]
            return number
