"""The files of a job as a table, a part of them at a time.

Of ten thousand files a page of rows is drawn: failed ones first, then what is being worked on, then the rest.

Jobs as the library shows them: one card a job with its figures, its buttons and a window onto its files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from app.output.formatting import amount, count, duration, kind_of, sentence
from app.ui.views.markup import Html, join, tag
from corpora.jobs.job_records import ACTIVE, ENDED, FileState, Job, JobFile, JobState

ROWS: Final = 50
# The order in which files are listed, failed ones first.
FILE_ORDER: Final[tuple[tuple[FileState, ...], ...]] = (
    ("failed",),
    ("reading", "chunking", "embedding"),
    ("queued",),
    ("ready",),
    ("skipped",),
    ("cancelled",),
)
_SKIPPED: Final = {
    "duplicate": "skipped: duplicate",
    "unchanged": "skipped: unchanged",
    "unsupported": "skipped: unsupported",
}
_READY: Final = {"replaced": "ready, replaced", "removed": "removed"}


Word: TypeAlias = Literal[
    "new", "changed", "to compare", "unchanged", "duplicate", "left out", "empty", "too large", "to remove"
]
WORDS: Final[tuple[Word, ...]] = (
    "new",
    "changed",
    "to compare",
    "to remove",
    "unchanged",
    "duplicate",
    "left out",
    "empty",
    "too large",
)
_WORK: Final = ("new", "changed", "to compare")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would be done with one file, and why if that does not speak for itself."""

    word: Word
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Files, and their bytes together."""

    files: int = 0
    bytes: int = 0

    def with_one(self, size: int) -> Total:
        """One file more."""
        return Total(self.files + 1, self.bytes + size)


@dataclass(frozen=True, slots=True)
class DryRun:
    """Verdicts by the number of the file, totals by word and by type. ``estimate_s`` None: it is not known yet."""

    verdicts: Mapping[int, Verdict]
    words: Mapping[Word, Total]
    kinds: Mapping[str, Total]
    estimate_s: float | None

    @property
    def work(self) -> Total:
        """What has to be read."""
        totals = [self.words[word] for word in _WORK if word in self.words]
        return Total(sum(one.files for one in totals), sum(one.bytes for one in totals))


@dataclass(frozen=True, slots=True)
class JobWindow:
    """A job and the part of its files that is shown: from file ``first`` of ``listed``, perhaps failed ones only.

    Without ``is_open`` only its figures are. ``plan`` is there for one that was not started yet.
    """

    job: Job
    files: tuple[JobFile, ...] = ()
    is_open: bool = False
    first: int = 0
    listed: int = 0
    failed_only: bool = False
    plan: DryRun | None = None


def files_view(window: JobWindow) -> Html:
    """The table, and how to see another part of it."""
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
        hint = f" {sentence(file.hint)}" if file.hint and file.state == "failed" else ""
        reason = tag("small", file.cause.rstrip(".") + "." + hint, class_="cause")
    return tag(
        "tr",
        tag("th", tag("bdi", file.name), reason, scope="row"),
        tag("td", kind_of(file.member or file.name)),
        tag("td", _size(file, verdict), class_="size"),
        tag("td", verdict.word if verdict is not None else _file_state(file), class_="state"),
        tag("td", _file_button(job, file)),
        class_=file.state,
    )


def _size(file: JobFile, verdict: Verdict | None) -> str:
    """``0 B`` only of what is known to be empty: what is left out was not sent, what is in an archive not measured."""
    unknown = file.member is not None or file.outcome in ("removed", "unsupported")
    unknown = unknown or (verdict is not None and verdict.word == "left out")
    return "–" if unknown and not file.bytes else amount(file.bytes)


def _file_state(file: JobFile) -> str:
    if file.state == "embedding" and file.total:
        return f"embedding {file.done:,}/{file.total:,}"
    if file.state == "skipped":
        return _SKIPPED.get(file.outcome or "", "skipped")
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


_JOB_STATES: Final[dict[JobState, str]] = {
    "queued": "waiting",
    "running": "running",
    "paused": "paused",
    "finished": "finished",
    "cancelled": "cancelled",
}


def jobs_view(windows: Sequence[JobWindow], problem: Html | None = None) -> Html:
    """All cards; nothing at all if there is no job."""
    if not windows and problem is None:
        return Html()
    return tag("section", problem or "", *(job_view(window) for window in windows), class_="jobs", aria_label="Jobs")


def job_view(window: JobWindow) -> Html:
    """One job."""
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
        tag("p", _planned(window.plan) if window.plan is not None else _line(job), class_="line"),
        tag("p", _kinds(window.plan), class_="line") if window.plan is not None else "",
        "" if job.state in ENDED else bar,
        trouble,
        _counts(window),
        files_view(window) if window.is_open else "",
        class_=f"job {job.state}",
        id=f"job-{job.number}",
    )


def is_plan(job: Job) -> bool:
    """Whether it waits for its first start: what is shown then is what it would do."""
    return job.state == "paused" and job.busy_s == 0 and job.cause is None


def _title(job: Job) -> str:
    files = count(job.files, "file")
    if is_plan(job):
        return f"Add {files}?"
    return f"{'Sync of' if job.kind == 'sync' else 'Adding'} {files}"


def _state(job: Job) -> str:
    if is_plan(job):
        return "not started"
    if job.state == "running" and job.wanted != "run":
        return "pausing" if job.wanted == "pause" else "cancelling"
    return _JOB_STATES[job.state]


def _planned(plan: DryRun) -> str:
    """What there is to do, and how long it takes as far as that is known."""
    if not plan.work.files:
        return "Nothing of it is new."
    known = plan.estimate_s is not None
    estimate = f"about {duration(plan.estimate_s or 0)}" if known else "how long is not known yet"
    return f"{count(plan.work.files, 'file')} to read, {amount(plan.work.bytes)}, {estimate}"


def _line(job: Job) -> str:
    """n of N, files/s, time left."""
    left = f"about {duration(job.eta_s)} left" if job.eta_s else ""
    worked = job.counts.get("ready", 0) + job.counts.get("failed", 0)
    speed = f"{worked / job.busy_s:.1f} files/s" if worked and job.busy_s >= 1 else ""
    took = f"in {duration(job.busy_s)}" if job.state == "finished" and job.busy_s >= 1 else ""
    parts = (f"{job.files_done:,} of {count(job.files, 'file')}", speed, left if job.state == "running" else took)
    return ", ".join(part for part in parts if part)


def _kinds(plan: DryRun) -> str:
    """``40 txt (1.2 MB), 2 pdf (80 kB)``, the most frequent first."""
    ordered = sorted(plan.kinds.items(), key=lambda one: (-one[1].files, one[0]))
    said = (f"{total.files:,} {kind or 'without a suffix'}{_sized(total)}" for kind, total in ordered[:12])
    return "By type: " + ", ".join(said)


def _sized(total: Total) -> str:
    """Of what was left out no bytes were sent."""
    return f" ({amount(total.bytes)})" if total.bytes else ""


def _job_buttons(job: Job) -> list[Html]:
    if job.state in ("queued", "running"):
        pausing = job.wanted != "run"
        return [_button(job, "pause", "Pause", disabled=pausing), _button(job, "cancel", "Cancel", disabled=pausing)]
    if job.state == "paused":
        start = _button(job, "resume", "Start" if is_plan(job) else "Resume", primary=True)
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
    """How many files are in which state, and the switch to the failed ones."""
    job = window.job
    active = sum(job.counts.get(state, 0) for state in ACTIVE)
    said = [
        (job.counts.get("failed", 0), "failed", "bad"),
        (active, "in work", ""),
        (job.counts.get("queued", 0), "queued", ""),
        (job.counts.get("ready", 0), "ready", "good"),
        *((job.outcomes.get(kind, 0), kind, "") for kind in ("duplicate", "unchanged", "unsupported")),
        (job.counts.get("cancelled", 0), "cancelled", ""),
    ]
    if window.plan is not None:
        totals = window.plan.words
        said = [(totals[word].files, word + _sized(totals[word]), "") for word in WORDS if word in totals]
    parts = [tag("li", tag("b", f"{n:,}"), f" {name}", class_=kind or None) for n, name, kind in said if n]
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
