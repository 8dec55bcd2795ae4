"""What a job that waits for its first start would do, file by file, in the words of the page.

Asks ``Jobs.plan``; that compares files with what is stored and reads none for good. Must not build HTML.

What the Library tab does with jobs: begins them from uploads, steers them, and shows how far they are.

The jobs run in the server's own threads, so a browser may go away and come back; several see the same. Must not build
HTML, and must not read files itself.
"""

from __future__ import annotations

import asyncio
import threading
import time
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import gradio as gr

from app.conversations.turns import Problem
from app.output.formatting import kind_of
from app.ui.library.components import LibraryComponents, Pulse, View
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, number_in, text_in, words
from app.ui.state.error_display import reporting
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.documents import documents_view
from app.ui.views.jobs import FILE_ORDER as ORDER
from app.ui.views.jobs import ROWS, DryRun, JobWindow, Total, Verdict, Word, is_plan, jobs_view
from corpora.jobs.discovery import skip_reason
from corpora.jobs.job_records import ENDED, FileState, Job, JobFile
from corpora.jobs.jobs import Jobs
from corpora.jobs.plan import PlannedFile
from corpora.loaders.registry import is_archive


def dry_run(jobs: Jobs, files: Sequence[JobFile]) -> DryRun:
    """What would be done with the files of a job that nobody has started."""
    open_files = [one for one in files if one.state == "queued" and one.outcome is None and one.member is None]
    planned = jobs.plan([one.path for one in open_files], names=[one.name for one in open_files])
    by_path = {one.path: one for one in planned.files}
    verdicts: dict[int, Verdict] = {}
    words: dict[Word, Total] = {}
    kinds: dict[str, Total] = {}
    for file in files:
        if file.state == "cancelled":
            continue
        verdict = _verdict(file, by_path.get(file.path))
        verdicts[file.number] = verdict
        words[verdict.word] = words.get(verdict.word, Total()).with_one(file.bytes)
        kind = kind_of(file.name)
        kinds[kind] = kinds.get(kind, Total()).with_one(file.bytes)
    return DryRun(verdicts, words, kinds, planned.estimate_s)


def _verdict(file: JobFile, planned: PlannedFile | None) -> Verdict:
    if file.outcome == "removed":
        return Verdict("to remove", "its file is gone")
    if file.outcome == "unsupported":
        return Verdict("left out", file.cause)
    if file.outcome in ("unchanged", "duplicate"):
        return Verdict(file.outcome)
    why = skip_reason(file.name)
    if why is not None:  # chosen by itself: it is tried, and that is what will be said
        return Verdict("left out", why)
    if planned is not None and planned.verdict == "too large":
        return Verdict("too large", planned.cause)
    if file.bytes == 0:
        return Verdict("empty", "there is nothing in it")
    if is_archive(file.name):
        word: Word = "new" if planned is None or planned.verdict not in ("changed", "unchanged") else planned.verdict
        return Verdict(word, "what is in it is looked at file by file")
    if planned is None or planned.verdict == "new":
        return Verdict("new")
    if planned.verdict == "changed" and planned.document is None:
        return Verdict("to compare", "a document of this name is there; it is replaced if the text is another")
    if planned.verdict == "duplicate":
        return Verdict("duplicate", "the same content is there already" if planned.document else "it is chosen twice")
    return Verdict("unchanged" if planned.verdict == "unchanged" else "changed")


_FEW = 5
_ENDED_SHOWN = 3
_PLANS = 8  # that are remembered
_FAST_S, _SLOW_S = 0.5, 4.0
_LIST_AGAIN_MS = 2000


class JobActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: LibraryComponents) -> None:
        """Work with ``state`` on ``components``."""
        self._state = state
        self._ui = components
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, list[Job]]] = {}
        self._planned: dict[tuple[str, int], tuple[dict[FileState, int], int, DryRun]] = {}

    async def staged(self, view: object, event: gr.EventData) -> AsyncGenerator[Updates, None]:
        """All files of an upload have come: make a job of them. A large one waits for the user's word."""
        corpus, batch = text_in(event, "corpus"), text_in(event, "batch")
        yield {self._ui.said: announcement("Looking at the files")}
        problem = await asyncio.to_thread(self._begin, corpus, batch)
        if problem is not None:
            yield {self._ui.said: problem_view(problem)}
            return
        shown = View(listed=View.of(view).listed)
        yield {
            self._ui.said: "",
            self._ui.receipt: "",
            self._ui.view: shown.written(),
            **self.shown(corpus, shown, fresh=True),
        }

    def act(self, corpus: object, view: object, event: gr.EventData) -> Updates:
        """One of the buttons of a job, or of one of its files."""
        name, seen = words(corpus), View.of(view)
        number, file, action = number_in(event, "job"), number_in(event, "file"), text_in(event, "action")
        with reporting() as problems:
            self._steer(name, action, number, None if file < 0 else file)
        if problems:
            return {self._ui.said: problem_view(problems[0])}
        turned = {
            "all": View(job=number, listed=seen.listed),
            "failed": View(job=number, failed=True, listed=seen.listed),
            "shut": View(job=-1, listed=seen.listed),
            "turn": replace(seen, job=number, first=max(0, number_in(event, "first"))),
        }
        seen = turned.get(action, seen)
        return {
            self._ui.said: "",
            self._ui.view: seen.written(),
            **self.shown(name, seen, fresh=action not in turned),
        }

    def beat(self, corpus: object, view: object, pulse: object, wanted: object) -> Updates:
        """The timer: what has changed since it last beat, fast only while something runs."""
        name, seen, last = words(corpus), View.of(view), Pulse.of(pulse)
        updates: Updates = {self._ui.pulse: gr.skip()}
        with reporting():  # a corpus that has just been removed, say: the next event tells
            if not name:
                return updates
            shown = self._windows(name, seen)
            digest = zlib.crc32(shown.encode())
            running, now_ms = self._running(name), int(time.time() * 1000)
            every_s = _FAST_S if running else _SLOW_S
            version = self._state.registry.version(name)
            relist = version != last.version and (not running or now_ms - last.listed_ms > _LIST_AGAIN_MS)
            beat = Pulse(
                version=version if relist else last.version,
                jobs=digest,
                listed_ms=now_ms if relist else last.listed_ms,
                every_ms=int(every_s * 1000),
            )
            if beat == last:
                return updates
            updates[self._ui.pulse] = beat.written()
            if digest != last.jobs:
                updates[self._ui.jobs] = shown
            if relist:
                updates[self._ui.documents] = self._documents(name, words(wanted), seen)
            if beat.every_ms != last.every_ms:
                updates[self._ui.timer] = gr.Timer(value=every_s, active=True)
        return updates

    def active(self) -> str | None:
        """A corpus with a job that has not ended."""
        for corpus in self._state.registry.names():
            with reporting():  # one damaged corpus does not hide the others
                if any(job.state not in ENDED for job in self._jobs(corpus)):
                    return corpus
        return None

    def shown(self, corpus: str, view: View, *, fresh: bool = False) -> Updates:
        """The jobs of a corpus as they are now, and the timer at the right pace."""
        if fresh:
            with self._lock:
                self._seen.pop(corpus, None)
        with reporting() as problems:
            shown = self._windows(corpus, view) if corpus else ""
            every_s = _FAST_S if corpus and self._running(corpus) else _SLOW_S
            return {self._ui.jobs: shown, self._ui.timer: gr.Timer(value=every_s, active=True)}
        return {self._ui.jobs: problem_view(problems[0])}

    def _begin(self, corpus: str, batch: str) -> Problem | None:
        uploads = self._state.incoming.take(batch)
        try:
            with reporting() as problems:
                if uploads:
                    jobs = self._state.registry.jobs(corpus)
                    names = [upload.name for upload in uploads]
                    many = len(names) > _FEW or any(is_archive(name) for name in names)
                    job = jobs.create(
                        [upload.path for upload in uploads], staged=True, move=True, names=names, paused=many
                    )
                    if many and not job.counts.get("queued"):
                        jobs.resume(job.number)
                    self._state.workers.wake(corpus)
        finally:
            self._state.incoming.discard(batch)
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

    def _windows(self, corpus: str, view: View) -> str:
        jobs, found = self._state.registry.jobs(corpus), self._jobs(corpus)
        active = [job for job in found if job.state not in ENDED]
        ended = [job for job in found if job.state in ENDED][: max(1, _ENDED_SHOWN - len(active))]
        listed = [*active, *ended]
        if view.job >= 0 and all(job.number != view.job for job in listed):
            view = _unasked(listed[0]) if listed else view
        windows = [_window(jobs, job, view) if job.number == view.job else JobWindow(job) for job in listed]
        windows = [replace(one, plan=self._plan(corpus, one.job)) if is_plan(one.job) else one for one in windows]
        problem = self._state.workers.problem(corpus)
        return jobs_view(windows, problem_view(problem) if problem else None)

    def _running(self, corpus: str) -> bool:
        return any(job.state in ("queued", "running") for job in self._jobs(corpus))

    def _jobs(self, corpus: str) -> list[Job]:
        """The jobs as they were an instant ago: many browsers that look on cost no more than one."""
        with self._lock:
            taken_s, found = self._seen.get(corpus, (0.0, []))
            if time.monotonic() - taken_s > _FAST_S / 2:
                found = self._state.registry.jobs(corpus).all()
                self._seen[corpus] = (time.monotonic(), found)
            return found

    def _plan(self, corpus: str, job: Job) -> DryRun:
        """What a job would do that was not started. Compared again when it or the corpus is another, once at rest."""
        key, counts, version = (corpus, job.number), dict(job.counts), self._state.registry.version(corpus)
        with self._lock:
            known = self._planned.get(key)
        if known is not None and known[0] == counts and (known[1] == version or self._running(corpus)):
            return known[2]
        jobs = self._state.registry.jobs(corpus)
        plan = dry_run(jobs, jobs.files(job.number))
        with self._lock:
            self._planned = {**dict(list(self._planned.items())[-_PLANS:]), key: (counts, version, plan)}
        return plan

    def _documents(self, corpus: str, wanted: str, view: View) -> str:
        found = self._state.registry.listing(corpus, wanted=wanted, offset=view.listed)
        return documents_view(corpus, found, first=view.listed, wanted=wanted)


def _unasked(job: Job) -> View:
    """What is shown of a job if nobody has chosen: all its files, and when it has ended those that failed."""
    if job.state not in ENDED:
        return View(job=job.number)
    return View(job=job.number, failed=True) if job.counts.get("failed") else View(job=-1)


def _window(jobs: Jobs, job: Job, view: View) -> JobWindow:
    """The part of a job's files that ``view`` names; from the start if there are not so many any more."""
    groups = (("failed",),) if view.failed else ORDER
    sizes = [sum(job.counts.get(state, 0) for state in states) for states in groups]
    first = view.first if view.first < sum(sizes) else 0
    files: list[JobFile] = []
    skip = first
    for states, size in zip(groups, sizes, strict=True):
        if skip < size and len(files) < ROWS:
            files += jobs.files(job.number, states, offset=skip, limit=ROWS - len(files))
        skip = max(0, skip - size)
    return JobWindow(job, tuple(files), True, first, sum(sizes), view.failed)
