"""Jobs as the library shows them: one card a job with its figures, its buttons and a window onto its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from app.ui.markup import Html, tag
from app.ui.views.amounts import amount, count, duration, sentence
from app.ui.views.job_files import JobWindow, files_view
from corpora.job_types import ACTIVE, Job, JobState

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
        tag("p", _line(job), class_="line"),
        tag("p", _kinds(window.kinds), class_="line") if window.kinds else "",
        "" if job.state in ("finished", "cancelled") else bar,
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


def _line(job: Job) -> str:
    """n of N, files/s, time left; before the start what there is to do."""
    left = f"about {duration(job.eta_s)} left" if job.eta_s else ""
    if is_plan(job):
        work = job.counts.get("queued", 0)
        if not work:
            return "Nothing of it is new."
        estimate = f"about {duration(job.eta_s)}" if job.eta_s else "the time is known after the first files"
        return f"{count(work, 'file')} to read, {amount(job.bytes_total - job.bytes_done)}, {estimate}"
    worked = job.counts.get("ready", 0) + job.counts.get("failed", 0)
    speed = f"{worked / job.busy_s:.1f} files/s" if worked and job.busy_s >= 1 else ""
    took = f"in {duration(job.busy_s)}" if job.state == "finished" and job.busy_s >= 1 else ""
    parts = (f"{job.files_done:,} of {count(job.files, 'file')}", speed, left if job.state == "running" else took)
    return ", ".join(part for part in parts if part)


def _kinds(kinds: Mapping[str, int]) -> str:
    """``40 txt, 2 pdf``, the most frequent first."""
    ordered = sorted(kinds.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{number:,} {kind or 'without a suffix'}" for kind, number in ordered[:12])


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
        (job.counts.get("queued", 0), "to read" if is_plan(job) else "queued", ""),
        (job.counts.get("ready", 0), "ready", "good"),
        *((job.outcomes.get(kind, 0), kind, "") for kind in ("duplicate", "unchanged", "unsupported")),
        (job.counts.get("cancelled", 0), "cancelled", ""),
    ]
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
