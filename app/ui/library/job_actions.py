"""The jobs of the Library tab: begin one from an upload, steer it, and show how far the jobs are.

``JobBoard`` says what is shown: which jobs, which part of their files, and dry runs. It caches its answers for a
moment, so that many browsers that look on cost no more than one; a dry run asks ``Jobs.plan``, which compares files
with what is stored and stores nothing. ``JobActions`` are the handlers. Jobs run in the server's own threads
(``state.job_workers``), so a browser may go away and come back, and several see the same. Must not build HTML, and must
not read files itself.
"""

from __future__ import annotations

import asyncio
import threading
import time
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Final

import gradio as gr

from app.conversations.turns import Problem
from app.output.formatting import kind_of
from app.ui.library.components import LibraryComponents, Pulse, View
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, number_in, text_in, text_of
from app.ui.state.error_display import reporting
from app.ui.state.interfaces import Registry
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.documents import documents_view
from app.ui.views.jobs import FILE_ORDER, ROWS, DryRun, JobWindow, Total, Verdict, VerdictWord, is_unstarted, jobs_view
from corpora.jobs.discovery import skip_reason
from corpora.jobs.job_records import ENDED, FileState, Job, JobFile
from corpora.jobs.jobs import Jobs
from corpora.jobs.plan import PlannedFile
from corpora.loaders.registry import is_archive

_SNAPSHOT_S: Final = 0.25  # so old may a list of jobs be
_SHOWN_JOBS: Final = 3  # at least one that has ended, and all that have not
_DRY_RUNS_KEPT: Final = 8


class JobBoard:
    """Windows onto the jobs of each corpus. Thread-safe."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._snapshots: dict[str, tuple[float, list[Job]]] = {}
        self._dry_runs: dict[tuple[str, int], tuple[dict[FileState, int], int, DryRun]] = {}

    def jobs(self, corpus: str) -> list[Job]:
        """The jobs of ``corpus`` as they were a moment ago, the latest first."""
        with self._lock:
            taken_s, snapshot = self._snapshots.get(corpus, (0.0, []))
            if time.monotonic() - taken_s > _SNAPSHOT_S:
                snapshot = self._registry.jobs(corpus).all()
                self._snapshots[corpus] = (time.monotonic(), snapshot)
            return snapshot

    def refresh(self, corpus: str) -> None:
        """Look at ``corpus`` anew the next time, because one of its jobs was just changed."""
        with self._lock:
            self._snapshots.pop(corpus, None)

    def is_running(self, corpus: str) -> bool:
        """Whether a job of ``corpus`` runs or is about to."""
        return any(job.state in ("queued", "running") for job in self.jobs(corpus))

    def windows(self, corpus: str, view: View) -> list[JobWindow]:
        """The jobs to show, those that have not ended first, and of the one that ``view`` names its files."""
        jobs, all_jobs = self._registry.jobs(corpus), self.jobs(corpus)
        active = [job for job in all_jobs if job.state not in ENDED]
        ended = [job for job in all_jobs if job.state in ENDED][: max(1, _SHOWN_JOBS - len(active))]
        shown = [*active, *ended]
        if not view.closed and shown and all(job.number != view.job for job in shown):
            view = _default_view(shown[0])
        windows = [
            _window(jobs, job, view) if job.number == view.job and not view.closed else JobWindow(job) for job in shown
        ]
        return [
            replace(window, plan=self._dry_run(corpus, window.job)) if is_unstarted(window.job) else window
            for window in windows
        ]

    def _dry_run(self, corpus: str, job: Job) -> DryRun:
        """The dry run of ``job``, made again when the job or the corpus has changed; not while a job is running."""
        key, counts, version = (corpus, job.number), dict(job.counts), self._registry.version(corpus)
        with self._lock:
            kept = self._dry_runs.get(key)
        if kept is not None and kept[0] == counts and (kept[1] == version or self.is_running(corpus)):
            return kept[2]
        jobs = self._registry.jobs(corpus)
        made = dry_run(jobs, jobs.files(job.number))
        with self._lock:
            latest = dict(list(self._dry_runs.items())[-_DRY_RUNS_KEPT:])
            self._dry_runs = {**latest, key: (counts, version, made)}
        return made


def dry_run(jobs: Jobs, files: Sequence[JobFile]) -> DryRun:
    """What would be done with the files of a job that nobody has started."""
    to_compare = [file for file in files if file.state == "queued" and file.outcome is None and file.member is None]
    plan = jobs.plan([file.path for file in to_compare], names=[file.name for file in to_compare])
    planned_by_path = {planned.path: planned for planned in plan.files}
    verdicts: dict[int, Verdict] = {}
    by_word: dict[VerdictWord, Total] = {}
    by_type: dict[str, Total] = {}
    for file in files:
        if file.state == "cancelled":
            continue
        verdict = _verdict(file, planned_by_path.get(file.path))
        verdicts[file.number] = verdict
        by_word[verdict.word] = by_word.get(verdict.word, Total()).with_file(file.bytes)
        kind = kind_of(file.name)
        by_type[kind] = by_type.get(kind, Total()).with_file(file.bytes)
    return DryRun(verdicts, by_word, by_type, plan.estimate_s)


def _verdict(file: JobFile, planned: PlannedFile | None) -> Verdict:
    if file.outcome == "removed":
        return Verdict("to remove", "its file is gone")
    if file.outcome == "unsupported":
        return Verdict("left out", file.cause)
    if file.outcome in ("moved", "unchanged", "duplicate"):
        return Verdict(file.outcome)
    why_left_out = skip_reason(file.name)
    if why_left_out is not None:  # chosen by itself: the job tries it, and gives this cause
        return Verdict("left out", why_left_out)
    if planned is not None and planned.verdict == "too large":
        return Verdict("too large", planned.cause)
    if file.bytes == 0:
        return Verdict("empty", "there is nothing in it")
    if is_archive(file.name):
        word: VerdictWord = "new"
        if planned is not None and planned.verdict in ("changed", "unchanged"):
            word = planned.verdict
        return Verdict(word, "what is in it is looked at file by file")
    if planned is None or planned.verdict == "new":
        return Verdict("new")
    if planned.verdict == "changed" and planned.document is None:
        return Verdict("to compare", "a document of this name is there; it is replaced if the text is another")
    if planned.verdict == "duplicate":
        return Verdict("duplicate", "the same content is there already" if planned.document else "it is chosen twice")
    return Verdict("unchanged" if planned.verdict == "unchanged" else "changed")


def _default_view(job: Job) -> View:
    """What is shown of a job while nobody has chosen: all its files, and of an ended one only those that failed."""
    if job.state not in ENDED:
        return View(job=job.number)
    return View(job=job.number, failed=True) if job.counts.get("failed") else View(closed=True)


def _window(jobs: Jobs, job: Job, view: View) -> JobWindow:
    """The part of a job's files that ``view`` names; from the first one if there are not so many any more."""
    groups = (("failed",),) if view.failed else FILE_ORDER
    sizes = [sum(job.counts.get(state, 0) for state in states) for states in groups]
    first = view.first if view.first < sum(sizes) else 0
    files: list[JobFile] = []
    skip = first
    for states, size in zip(groups, sizes, strict=True):
        if skip < size and len(files) < ROWS:
            files += jobs.files(job.number, states, offset=skip, limit=ROWS - len(files))
        skip = max(0, skip - size)
    return JobWindow(job, tuple(files), True, first, sum(sizes), view.failed)


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
