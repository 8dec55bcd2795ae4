"""The files of a job as a table, a part of them at a time.

Of ten thousand files a page of rows is drawn: failed ones first, then what is being worked on, then the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from app.ui.markup import Html, join, tag
from app.ui.views.amounts import amount, sentence
from corpora.job_types import ACTIVE, FileState, Job, JobFile

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

    Without ``is_open`` only its figures are. ``kinds`` counts the types of files of one that was not started yet.
    """

    job: Job
    files: tuple[JobFile, ...] = ()
    is_open: bool = False
    first: int = 0
    listed: int = 0
    failed_only: bool = False
    kinds: Mapping[str, int] = field(default_factory=dict)


def files_view(window: JobWindow) -> Html:
    """The table, and how to see another part of it."""
    if not window.files:
        return tag("p", "No file has failed.", class_="empty") if window.failed_only else Html()
    titles = [tag("th", name, scope="col") for name in ("File", "Type", "Size", "State")]
    last = tag("th", tag("span", "Action", class_="sr"), scope="col")
    rows = [_row(window.job, file) for file in window.files]
    table = tag("table", tag("thead", tag("tr", *titles, last)), tag("tbody", *rows))
    scroll = tag(
        "div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Files of job {window.job.number}"
    )
    return join(scroll, _pager(window))


def _row(job: Job, file: JobFile) -> Html:
    reason = ""
    if file.state in ("failed", "skipped") and file.cause:
        hint = f" {sentence(file.hint)}" if file.hint and file.state == "failed" else ""
        reason = tag("small", file.cause.rstrip(".") + "." + hint, class_="cause")
    return tag(
        "tr",
        tag("th", tag("bdi", file.name), reason, scope="row"),
        tag("td", kind_of(file.member or file.name)),
        tag("td", amount(file.bytes) if file.bytes else "", class_="size"),
        tag("td", _file_state(file), class_="state"),
        tag("td", _file_button(job, file)),
        class_=file.state,
    )


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
    elif file.state in ("queued", *ACTIVE) and job.state not in ("finished", "cancelled"):
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


def kind_of(name: str) -> str:
    """The type of a file as people say it: ``pdf``."""
    suffix = PurePosixPath(name).suffix.removeprefix(".").lower()
    return suffix if len(suffix) <= 8 else ""
