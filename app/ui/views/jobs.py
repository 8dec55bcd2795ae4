"""Jobs as the library shows them: one card a job, with its figures, its buttons and a part of its files.

A job may have ten thousand files, so a table shows ``ROWS`` of them: failed ones first, then those being worked on,
then the rest. A job that has not been started shows its dry run instead of its progress.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.output.formatting import amount, count, duration, kind_of, sentence
from app.ui.views.markup import Html, join, tag
from corpora.jobs.job_records import ACTIVE, ENDED, FileState, Job, JobFile, JobState, Outcome

ROWS: Final = 50
# The order in which files are listed.
FILE_ORDER: Final[tuple[tuple[FileState, ...], ...]] = (
    ("failed",),
    ("reading", "chunking", "embedding"),
    ("queued",),
    ("ready",),
    ("skipped",),
    ("cancelled",),
)
VerdictWord: TypeAlias = Literal[
    "new", "changed", "to compare", "moved", "unchanged", "duplicate", "left out", "empty", "too large", "to remove"
]
VERDICT_WORDS: Final[tuple[VerdictWord, ...]] = (
    "new",
    "changed",
    "to compare",
    "moved",
    "to remove",
    "unchanged",
    "duplicate",
    "left out",
    "empty",
    "too large",
)
_READ: Final = ("new", "changed", "to compare")
_JOB_STATES: Final[dict[JobState, str]] = {
    "queued": "waiting",
    "running": "running",
    "paused": "paused",
    "finished": "finished",
    "cancelled": "cancelled",
}
_SKIPPED: Final[Mapping[Outcome, str]] = {
    "duplicate": "duplicate",
    "unchanged": "unchanged",
    "unsupported": "left out",
    "empty": "empty",
}
_READY: Final = {"replaced": "ready, replaced", "removed": "removed", "moved": "moved"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would be done with one file; ``cause`` says why where the word alone does not."""

    word: VerdictWord
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """A number of files, and the sum of their sizes in bytes."""

    files: int = 0
    bytes: int = 0

    def with_file(self, size: int) -> Total:
        """The total with one more file of ``size`` bytes."""
        return Total(self.files + 1, self.bytes + size)


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a job would do: verdicts by file number, totals by verdict and by type of file.

    ``estimate_s`` is the time that it would take; None while no job has been measured.
    """

    verdicts: Mapping[int, Verdict]
    by_word: Mapping[VerdictWord, Total]
    by_type: Mapping[str, Total]
    estimate_s: float | None

    @property
    def work(self) -> Total:
        """The files that would be read."""
        totals = [self.by_word[word] for word in _READ if word in self.by_word]
        return Total(sum(total.files for total in totals), sum(total.bytes for total in totals))


@dataclass(frozen=True, slots=True)
class JobWindow:
    """A job and the part of its files that is shown: ``files``, from number ``first`` on of ``listed`` in all.

    Without ``is_open`` no file is shown. ``plan`` is the dry run of a job that has not been started.
    """

    job: Job
    files: tuple[JobFile, ...] = ()
    is_open: bool = False
    first: int = 0
    listed: int = 0
    failed_only: bool = False
    plan: DryRun | None = None


def jobs_view(windows: Sequence[JobWindow], problem: Html | None = None) -> Html:
    """The cards of all jobs below ``problem``; empty if there is neither."""
    if not windows and problem is None:
        return Html()
    return tag("section", problem or "", *(job_view(window) for window in windows), class_="jobs", aria_label="Jobs")


def job_view(window: JobWindow) -> Html:
    """The card of one job."""
    job = window.job
    running = job.state == "running"
    head = tag(
        "header",
        tag("h3", tag("span", class_="pulse", aria_hidden="true") if running else "", _title(job)),
        tag("span", _state(job), class_="state"),
        tag("div", *_job_buttons(job), class_="buttons"),
    )
    bar = tag(
        "progress",
        value=job.files_done if not job.bytes_total else job.bytes_done,
        max=max(1, job.files if not job.bytes_total else job.bytes_total),
        aria_label=f"Job {job.number}",
    )
    trouble = (
        tag("p", tag("strong", sentence(job.cause)), " ", sentence(job.hint or ""), class_="trouble")
        if job.cause
        else ""
    )
    return tag(
        "article",
        head,
        tag("p", _planned(window.plan) if window.plan is not None else _progress(job), class_="line"),
        tag("p", _types(window.plan), class_="line") if window.plan is not None else "",
        "" if job.state in ENDED else bar,
        trouble,
        _counts(window),
        files_view(window) if window.is_open else "",
        class_=f"job {job.state}",
        id=f"job-{job.number}",
    )


def is_unstarted(job: Job) -> bool:
    """Whether the job waits for its first start, so that its dry run is shown."""
    return job.state == "paused" and job.busy_s == 0 and job.cause is None


def _title(job: Job) -> str:
    files = count(job.files, "file")
    if is_unstarted(job):
        return f"Add {files}?"
    return f"{'Sync of' if job.kind == 'sync' else 'Adding'} {files}"


def _state(job: Job) -> str:
    if is_unstarted(job):
        return "not started"
    if job.state == "running" and job.wanted != "run":
        return "pausing" if job.wanted == "pause" else "cancelling"
    return _JOB_STATES[job.state]


def _planned(plan: DryRun) -> str:
    """How much a job would read, and how long that would take."""
    if not plan.work.files:
        return "Nothing of it is new."
    known = plan.estimate_s is not None
    estimate = f"about {duration(plan.estimate_s or 0)}" if known else "how long is not known yet"
    return f"{count(plan.work.files, 'file')} to read, {amount(plan.work.bytes)}, {estimate}"


def _progress(job: Job) -> str:
    """``332 of 1,500 files, 3.3 files/s, about 2 min left``; a cancelled file is not one of the first number."""
    left = f"about {duration(job.eta_s)} left" if job.eta_s else ""
    worked = job.counts.get("ready", 0) + job.counts.get("failed", 0)
    speed = f"{worked / job.busy_s:.1f} files/s" if worked and job.busy_s >= 1 else ""
    took = f"in {duration(job.busy_s)}" if job.state == "finished" and job.busy_s >= 1 else ""
    done = job.files_done - job.counts.get("cancelled", 0)
    parts = (f"{done:,} of {count(job.files, 'file')}", speed, left if job.state == "running" else took)
    return ", ".join(part for part in parts if part)


def _types(plan: DryRun) -> str:
    """``40 txt (1.2 MB), 2 pdf (80 kB)``, the most frequent first."""
    ordered = sorted(plan.by_type.items(), key=lambda entry: (-entry[1].files, entry[0]))
    parts = (f"{total.files:,} {kind or 'without a suffix'}{_sized(total)}" for kind, total in ordered[:12])
    return "By type: " + ", ".join(parts)


def _sized(total: Total) -> str:
    """`` (1.2 MB)``; empty for files that were left out, because none of their bytes were sent."""
    return f" ({amount(total.bytes)})" if total.bytes else ""


def _job_buttons(job: Job) -> list[Html]:
    if job.state in ("queued", "running"):
        pausing = job.wanted != "run"
        return [_button(job, "pause", "Pause", disabled=pausing), _button(job, "cancel", "Cancel", disabled=pausing)]
    if job.state == "paused":
        start = _button(job, "resume", "Start" if is_unstarted(job) else "Resume", primary=True)
        return [start, _button(job, "cancel", "Cancel")]
    failed = job.counts.get("failed", 0)
    retry = [_button(job, "retry", f"Retry {failed:,}")] if failed else []
    return [*retry, _button(job, "dismiss", "Clear")]


def _button(job: Job, action: str, label: str, *, disabled: bool = False, primary: bool = False) -> Html:
    return tag(
        "button",
        label,
        type="button",
        class_="quiet strong" if primary else "quiet",
        data_event="job",
        data_action=action,
        data_job=job.number,
        disabled=disabled,
        aria_label=f"{label} job {job.number}",
    )


def _counts(window: JobWindow) -> Html:
    """How many files are in which state, and the buttons that open and filter the table."""
    job = window.job
    active = sum(job.counts.get(state, 0) for state in ACTIVE)
    entries = [
        (job.counts.get("failed", 0), "failed", "bad"),
        (active, "being read", ""),
        (job.counts.get("queued", 0), "paused" if job.state == "paused" else "waiting", ""),
        (job.counts.get("ready", 0), "ready", "good"),
        *((job.outcomes.get(kind, 0), word, "") for kind, word in _SKIPPED.items()),
        (job.counts.get("cancelled", 0), "cancelled", ""),
    ]
    if window.plan is not None:
        totals = window.plan.by_word
        entries = [(totals[word].files, word + _sized(totals[word]), "") for word in VERDICT_WORDS if word in totals]
    parts = [tag("li", tag("b", f"{n:,}"), f" {name}", class_=kind or None) for n, name, kind in entries if n]
    switches = []
    if window.failed_only or job.counts.get("failed", 0):
        switches.append(_switch(job, "Show failed only", "all" if window.failed_only else "failed", window.failed_only))
    switches.append(_switch(job, "Files", "shut" if window.is_open else "all", window.is_open))
    return tag("div", tag("ul", *parts), tag("div", *switches, class_="buttons"), class_="counts")


def _switch(job: Job, label: str, action: str, pressed: bool) -> Html:
    return tag(
        "button",
        label,
        type="button",
        class_="quiet",
        data_event="job",
        data_action=action,
        data_job=job.number,
        aria_pressed="true" if pressed else "false",
    )


def files_view(window: JobWindow) -> Html:
    """The table of files, and the buttons that show another part of it."""
    if not window.files:
        return tag("p", "No file has failed.", class_="empty") if window.failed_only else Html()
    state = "State" if window.plan is None else "Plan"
    titles = [tag("th", name, scope="col") for name in ("File", "Type", "Size", state)]
    last = tag("th", tag("span", "Action", class_="sr"), scope="col")
    verdicts = window.plan.verdicts if window.plan is not None else {}
    rows = [_row(window.job, file, verdicts.get(file.number)) for file in window.files]
    table = tag("table", tag("thead", tag("tr", *titles, last)), tag("tbody", *rows))
    scroll = tag(
        "div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Files of job {window.job.number}"
    )
    return join(scroll, _pager(window))


def _row(job: Job, file: JobFile, verdict: Verdict | None) -> Html:
    reason = ""
    if verdict is not None:
        reason = tag("small", sentence(verdict.cause), class_="cause") if verdict.cause else ""
    elif file.state in ("failed", "skipped") and file.cause:
        hint = f" {sentence(file.hint)}" if file.hint else ""
        reason = tag("small", file.cause.rstrip(".") + "." + hint, class_="cause")
    elif file.state == "ready" and file.cause:
        reason = tag("small", sentence(file.cause), class_="cause" if file.outcome == "moved" else "note")
    return tag(
        "tr",
        tag("th", tag("bdi", file.name), reason, scope="row"),
        tag("td", kind_of(file.member or file.name)),
        tag("td", _size(file, verdict), class_="size"),
        tag("td", verdict.word if verdict is not None else _file_state(job, file), class_="state"),
        tag("td", _file_button(job, file)),
        class_=file.state,
    )


def _size(file: JobFile, verdict: Verdict | None) -> str:
    """The size, ``–`` where it is unknown: files that are left out were not sent, those in an archive not measured."""
    unknown = file.member is not None or file.outcome in ("removed", "unsupported")
    unknown = unknown or (verdict is not None and verdict.word == "left out")
    return "–" if unknown and not file.bytes else amount(file.bytes)


def _file_state(job: Job, file: JobFile) -> str:
    if file.state == "queued":
        return "paused" if job.state == "paused" else "waiting"
    if file.state == "embedding" and file.total:
        return f"embedding {file.done:,}/{file.total:,}"
    if file.state == "skipped":
        return "skipped" if file.outcome is None else _SKIPPED.get(file.outcome, "skipped")
    if file.state == "ready":
        return _READY.get(file.outcome or "", "ready")
    return file.state


def _file_button(job: Job, file: JobFile) -> str:
    if file.state == "failed":
        action, label = "retry", "Retry"
    elif file.state in ("queued", *ACTIVE) and job.state not in ENDED:
        action, label = "cancel", "Cancel"
    else:
        return ""
    return tag(
        "button",
        label,
        type="button",
        class_="linklike",
        data_event="job",
        data_action=action,
        data_job=job.number,
        data_file=file.number,
        aria_label=f"{label} {file.name}",
    )


def _pager(window: JobWindow) -> Html:
    if window.listed <= len(window.files):
        return Html()
    first, last = window.first + 1, window.first + len(window.files)
    return tag(
        "nav",
        _turn(window, "Earlier", max(0, window.first - ROWS), disabled=window.first == 0),
        tag("span", f"{first:,} to {last:,} of {window.listed:,}", class_="where"),
        _turn(window, "Later", last, disabled=last >= window.listed),
        class_="pager",
        aria_label="Part of the list",
    )


def _turn(window: JobWindow, label: str, first: int, *, disabled: bool) -> Html:
    return tag(
        "button",
        label,
        type="button",
        class_="quiet",
        data_event="job",
        data_action="turn",
        data_job=window.job.number,
        data_first=first,
        disabled=disabled,
    )
