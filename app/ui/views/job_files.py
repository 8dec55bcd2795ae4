"""The files of a job as a table, a part of them at a time.

Of ten thousand files a page of rows is drawn: failed ones first, then what is being worked on, then the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.output.formatting import amount, kind_of, sentence
from app.ui.library.dry_run import DryRun, Verdict
from app.ui.views.markup import Html, join, tag
from corpora.jobs.types import ACTIVE, ENDED, FileState, Job, JobFile

ROWS: Final = 50
# The order in which files are listed, failed ones first.
ORDER: Final[tuple[tuple[FileState, ...], ...]] = (
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
