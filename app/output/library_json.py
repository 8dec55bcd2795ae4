"""The JSON of ``spandraft corpus``: corpora, documents, files, jobs and plans as plain values, key by key.

Written out rather than derived from the dataclasses: renaming a field must not rename a key.
"""

from __future__ import annotations

from app.conversations.quoting import Quoting
from app.library.summary import CorpusSummary
from corpora.documents import Document, Passage, place
from corpora.jobs.plan import Plan
from corpora.jobs.types import Job, JobFile
from corpora.store.listing import ListedDocument


def document_line(found: ListedDocument) -> dict[str, object]:
    """A document as ``corpus list NAME`` prints it."""
    return {
        "id": found.id,
        "name": found.name,
        "characters": found.chars,
        "passages": found.passages,
        "added_at": found.added_at.isoformat(),
        "language": found.language,
        "places": dict(found.leaves),
    }


def document_whole(document: Document, passages: list[Passage]) -> dict[str, object]:
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
            {"id": one.id, "start": one.start, "end": one.end, "place": place(one.marks, one.start, one.end)}
            for one in passages
        ],
        "text": document.text,
    }


def facts_document(facts: CorpusSummary) -> dict[str, object]:
    """A corpus as ``corpus show NAME`` prints it."""
    return {
        "name": facts.name,
        "documents": facts.documents,
        "passages": facts.passages,
        "characters": facts.characters,
        "encoder": facts.encoder,
        "chunk_chars": facts.chunking.target_chars,
        "chunk_overlap": facts.chunking.overlap_sentences,
        "derived": dict(facts.derived),
        "bytes": dict(facts.bytes),
        "indexes": [
            {"kind": one.kind, "rows": one.rows, "bytes": one.bytes, "current": one.is_current, "cause": one.cause}
            for one in facts.indexes
        ],
        "sealed": facts.is_sealed,
        "format": facts.format,
        "rebuild_under_way": facts.rebuild_under_way,
        "jobs": facts.jobs,
        "folder": str(facts.folder),
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
                "path": str(one.path),
                "name": one.name,
                "kind": one.kind,
                "bytes": one.bytes,
                "verdict": one.verdict,
                "cause": one.cause,
            }
            for one in plan.files
        ],
        "counts": dict(plan.counts),
        "bytes": dict(plan.bytes),
        "estimate_s": plan.estimate_s,
    }


def conversation_document(found: Quoting) -> dict[str, object]:
    """A conversation that quotes a document."""
    return {"id": found.id, "title": found.title, "turns": found.turns}
