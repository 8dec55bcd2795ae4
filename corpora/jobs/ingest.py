"""Adds files and folders to a corpus in one call: creates a job and runs it at once.

One bad file does not stop the rest, and leaves nothing behind. The job stays listed when it is finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from corpora.interfaces import Derived
from corpora.jobs.job_records import JobFile
from corpora.jobs.jobs import Jobs
from corpora.jobs.runner import Progress, run
from corpora.loaders.registry import Limits
from corpora.store.records import DocumentInfo
from corpora.store.store import CorpusStore
from corpora.text.chunking import Chunking

Status: TypeAlias = Literal[
    "added",
    "replaced",
    "moved",
    "duplicate",
    "unchanged",
    "removed",
    "unsupported",
    "empty",
    "failed",
    "cancelled",
    "queued",
]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file. ``cause`` and ``hint`` are set if it failed, ``cause`` also if it was skipped.

    ``unsupported`` and ``empty`` are no failures: there is nothing in such a file that reading it again would give.

    Of a file that became a document, ``cause`` says what of it is not in the text.

    ``document`` is the stored one, for a duplicate the one that had the same text already. A file is ``queued`` if the
    job was paused before it was read.
    """

    path: Path
    status: Status
    document: DocumentInfo | None = None
    passages: int = 0
    cause: str | None = None
    hint: str | None = None


def ingest(
    store: CorpusStore,
    paths: Sequence[Path | str],
    *,
    derived: Sequence[Derived] = (),
    chunking: Chunking | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    sync: bool = False,
) -> list[FileOutcome]:
    """Add files, and folders with all that is in them; with ``sync`` also remove documents whose files are gone.

    A bad file is an outcome, not an error. Raises ``LibraryError``, and what ``derived`` raises.
    """
    jobs = Jobs(store)
    number = jobs.create(paths, sync=sync, limits=limits).number
    run(store, number, derived=derived, chunking=chunking, limits=limits, progress=progress)
    return outcomes_of(store, jobs.files(number))


def outcomes_of(store: CorpusStore, files: Sequence[JobFile]) -> list[FileOutcome]:
    """Files of a job as outcomes, with the documents that they became."""
    documents = {info.id: info for info in store.documents()} if files else {}
    outcomes = []
    for file in files:
        info = documents.get(file.document or "")
        path = file.path if file.member is None else file.path / file.member
        passages = info.passages if info else 0
        outcomes.append(FileOutcome(path, _status(file), info, passages, file.cause, file.hint))
    return outcomes


def _status(file: JobFile) -> Status:
    if file.state in ("ready", "skipped") and file.outcome is not None:
        return file.outcome
    if file.state == "failed" or file.state == "cancelled":
        return file.state
    return "queued"
