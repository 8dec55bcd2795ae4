"""Corpora, documents, files, jobs and plans as the JSON that ``spandraft corpus --json`` prints, key by key.

Written out rather than derived from the dataclasses: renaming a field must not rename a key.
"""

from __future__ import annotations

from app.library.summary import CorpusSummary
from corpora.documents import Document, Passage, describe_location
from corpora.jobs.job_records import Job, JobFile
from corpora.jobs.plan import Plan
from corpora.store.listing import ListedDocument


def listed_document(document: ListedDocument) -> dict[str, object]:
    """A document as ``corpus list NAME`` prints it."""
    return {
        "id": document.id,
        "name": document.name,
        "characters": document.chars,
        "passages": document.passages,
        "added_at": document.added_at.isoformat(),
        "language": document.language,
        "places": dict(document.leaves),
        "notes": document.notes,
    }


def whole_document(document: Document, passages: list[Passage]) -> dict[str, object]:
    """A document as ``corpus show NAME DOCUMENT`` prints it: with its text."""
    return {
        "id": document.id,
        "name": document.name,
        "characters": len(document.text),
        "metadata": dict(document.metadata),
        "marks": [
            {"start": mark.start, "end": mark.end, "kind": mark.kind, "label": mark.label} for mark in document.marks
        ],
        "passages": [
            {
                "id": passage.id,
                "start": passage.start,
                "end": passage.end,
                "place": describe_location(passage.marks, passage.start, passage.end),
            }
            for passage in passages
        ],
        "text": document.text,
    }


def summary_document(summary: CorpusSummary) -> dict[str, object]:
    """A corpus as ``corpus show NAME`` prints it."""
    return {
        "name": summary.name,
        "documents": summary.documents,
        "passages": summary.passages,
        "characters": summary.characters,
        "encoder": summary.encoder,
        "chunk_chars": summary.chunking.target_chars,
        "chunk_overlap": summary.chunking.overlap_sentences,
        "derived": dict(summary.derived),
        "bytes": dict(summary.bytes),
        "indexes": [
            {
                "kind": index.kind,
                "rows": index.rows,
                "bytes": index.bytes,
                "current": index.is_current,
                "cause": index.cause,
            }
            for index in summary.indexes
        ],
        "sealed": summary.is_sealed,
        "format": summary.format,
        "rebuild_under_way": summary.rebuild_under_way,
        "jobs": summary.jobs,
        "folder": str(summary.folder),
    }


def job_document(job: Job) -> dict[str, object]:
    """A job, without its files."""
    return {
        "number": job.number,
        "kind": job.kind,
        "state": job.state,
        "paths": [str(path) for path in job.paths],
        "files": job.files,
        "files_done": job.files_done,
        "states": dict(job.counts),
        "outcomes": dict(job.outcomes),
        "bytes_done": job.bytes_done,
        "bytes_total": job.bytes_total,
        "eta_s": job.eta_s,
        "busy_s": job.busy_s,
        "created_at": job.created_at.isoformat(),
        "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
        "holder": None if job.holder is None else {"pid": job.holder.pid, "command": job.holder.command},
        "cause": job.cause,
        "hint": job.hint,
    }


def job_file_document(file: JobFile) -> dict[str, object]:
    """A file of a job."""
    return {
        "number": file.number,
        "name": file.name,
        "path": str(file.path if file.member is None else file.path / file.member),
        "bytes": file.bytes,
        "state": file.state,
        "outcome": file.outcome,
        "done": file.done,
        "total": file.total,
        "cause": file.cause,
        "hint": file.hint,
    }


def plan_document(plan: Plan) -> dict[str, object]:
    """A dry run."""
    return {
        "kind": plan.kind,
        "files": [
            {
                "path": str(file.path),
                "name": file.name,
                "kind": file.kind,
                "bytes": file.bytes,
                "verdict": file.verdict,
                "cause": file.cause,
            }
            for file in plan.files
        ],
        "counts": dict(plan.counts),
        "bytes": dict(plan.bytes),
        "estimate_s": plan.estimate_s,
    }
