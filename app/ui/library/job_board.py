"""What the Library tab shows of a corpus' jobs: which of them, which part of their files, and dry runs.

Answers are kept for a moment, so that many browsers that look on cost no more than one. A dry run asks ``Jobs.plan``,
which compares files with what is stored and stores nothing. Must not build HTML or change a job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from app.output.formatting import kind_of
from app.ui.library.components import View
from app.ui.state.interfaces import Registry
from app.ui.views.jobs import FILE_ORDER, ROWS, DryRun, JobWindow, Total, Verdict, VerdictWord, is_unstarted
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
    if file.outcome in ("unchanged", "duplicate"):
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
