"""Jobs as the library shows them: one card a job with its figures, its buttons and a window onto its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.output.formatting import amount, count, duration, sentence
from app.ui.library.dry_run import WORDS, DryRun, Total
from app.ui.views.job_files import JobWindow, files_view
from app.ui.views.markup import Html, tag
from corpora.jobs.types import ACTIVE, ENDED, Job, JobState

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
