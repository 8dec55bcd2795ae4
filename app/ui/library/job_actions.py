"""Handlers of the Library tab for jobs: begin one from an upload, steer it, and show how far the jobs are.

Jobs run in the server's own threads (``state.job_workers``), so a browser may go away and come back, and several see
the same. Must not build HTML, and must not read files itself.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

import gradio as gr

from app.conversations.turns import Problem
from app.ui.library.components import LibraryComponents, Pulse, View
from app.ui.library.job_board import JobBoard
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, number_in, text_in, text_of
from app.ui.state.error_display import reporting
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.documents import documents_view
from app.ui.views.jobs import jobs_view
from corpora.jobs.job_records import ENDED
from corpora.loaders.registry import is_archive

_STARTED_AT_ONCE: Final = 5  # files; a larger job, or an archive, shows its dry run and waits for the user
_FAST_S, _SLOW_S = 0.5, 4.0  # intervals of the timer while a job runs, and while none does
_RELIST_MS: Final = 2000  # at most so often are documents listed again while a job runs


class JobActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: LibraryComponents) -> None:
        self._state = state
        self._ui = components
        self._board = JobBoard(state.registry)

    async def begin(self, view: object, event: gr.EventData) -> AsyncGenerator[Updates, None]:
        """Make a job of a complete upload. A large one waits until the user starts it."""
        corpus, batch = text_in(event, "corpus"), text_in(event, "batch")
        yield {self._ui.message: announcement("Looking at the files")}
        problem = await asyncio.to_thread(self._create_job, corpus, batch)
        if problem is not None:
            yield {self._ui.message: problem_view(problem)}
            return
        next_view = View(listed=View.from_json(view).listed)
        self._board.refresh(corpus)
        yield {
            self._ui.message: "",
            self._ui.receipt: "",
            self._ui.view: next_view.to_json(),
            **self.show(corpus, next_view),
        }

    def act(self, corpus: object, view: object, event: gr.EventData) -> Updates:
        """Do what a button of a job, or of one of its files, says."""
        name, current = text_of(corpus), View.from_json(view)
        number, action = number_in(event, "job") or 0, text_in(event, "action")
        with reporting() as problems:
            self._steer(name, action, number, number_in(event, "file"))
        if problems:
            return {self._ui.message: problem_view(problems[0])}
        next_views = {
            "all": View(job=number, listed=current.listed),
            "failed": View(job=number, failed=True, listed=current.listed),
            "shut": View(closed=True, listed=current.listed),
            "turn": replace(current, job=number, closed=False, first=number_in(event, "first") or 0),
        }
        if action not in next_views:
            self._board.refresh(name)
        next_view = next_views.get(action, current)
        return {self._ui.message: "", self._ui.view: next_view.to_json(), **self.show(name, next_view)}

    def tick(self, corpus: object, view: object, pulse: object, name_filter: object) -> Updates:
        """Show what has changed since the timer's last event; set its interval by whether a job runs."""
        name, current, last = text_of(corpus), View.from_json(view), Pulse.from_json(pulse)
        updates: Updates = {self._ui.pulse: gr.skip()}
        with reporting():  # the corpus may just have been removed; the next event shows that
            if not name:
                return updates
            cards = self._cards(name, current)
            digest = zlib.crc32(cards.encode())
            is_running, now_ms = self._board.is_running(name), int(time.time() * 1000)
            interval_s = _FAST_S if is_running else _SLOW_S
            version = self._state.registry.version(name)
            relist = version != last.version and (not is_running or now_ms - last.listed_ms > _RELIST_MS)
            new = Pulse(
                version=version if relist else last.version,
                jobs=digest,
                listed_ms=now_ms if relist else last.listed_ms,
                every_ms=int(interval_s * 1000),
            )
            if new == last:
                return updates
            updates[self._ui.pulse] = new.to_json()
            if digest != last.jobs:
                updates[self._ui.jobs] = cards
            if relist:
                updates[self._ui.documents] = self._documents(name, text_of(name_filter), current)
            if new.every_ms != last.every_ms:
                updates[self._ui.timer] = gr.Timer(value=interval_s, active=True)
        return updates

    def active_corpus(self) -> str | None:
        """A corpus with a job that has not ended, if there is one."""
        for corpus in self._state.registry.names():
            with reporting():  # one damaged corpus does not hide the others
                if any(job.state not in ENDED for job in self._board.jobs(corpus)):
                    return corpus
        return None

    def show(self, corpus: str, view: View) -> Updates:
        """The jobs of a corpus as they are now, and the timer at the right interval."""
        with reporting() as problems:
            cards = self._cards(corpus, view) if corpus else ""
            interval_s = _FAST_S if corpus and self._board.is_running(corpus) else _SLOW_S
            return {self._ui.jobs: cards, self._ui.timer: gr.Timer(value=interval_s, active=True)}
        return {self._ui.jobs: problem_view(problems[0])}

    def _create_job(self, corpus: str, batch: str) -> Problem | None:
        uploads = self._state.uploads.take(batch)
        try:
            with reporting() as problems:
                if uploads:
                    jobs = self._state.registry.jobs(corpus)
                    paths, names = [upload.path for upload in uploads], [upload.name for upload in uploads]
                    waits = len(names) > _STARTED_AT_ONCE or any(is_archive(name) for name in names)
                    job = jobs.create(paths, staged=True, move=True, names=names, paused=waits)
                    if waits and not job.counts.get("queued"):
                        jobs.resume(job.number)
                    self._state.workers.wake(corpus)
        finally:
            self._state.uploads.discard(batch)
        return problems[0] if problems else None

    def _steer(self, corpus: str, action: str, number: int, file: int | None) -> None:
        jobs = self._state.registry.jobs(corpus)
        if action == "pause":
            jobs.pause(number)
        elif action == "cancel":
            jobs.cancel(number, file)
        elif action == "dismiss":
            jobs.remove(number)
        elif action in ("resume", "retry"):
            if action == "retry":
                jobs.retry(number, file)
            else:
                jobs.resume(number)
            self._state.workers.wake(corpus)

    def _cards(self, corpus: str, view: View) -> str:
        problem = self._state.workers.problem(corpus)
        return jobs_view(self._board.windows(corpus, view), problem_view(problem) if problem else None)

    def _documents(self, corpus: str, name_filter: str, view: View) -> str:
        listing = self._state.registry.listing(corpus, name_filter=name_filter, offset=view.listed)
        return documents_view(corpus, listing, first=view.listed, name_filter=name_filter)
