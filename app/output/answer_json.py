"""Answers, corrections, passages and errors as the JSON that ``--json`` prints, key by key.

Written out rather than derived from the dataclasses: renaming a field must not rename a key.
"""

from __future__ import annotations

from app.generation.events import Answer, Citation, Correction, RunStats, SourcePassage
from corpora.documents import describe_location
from retrieval.interfaces import Hit


def answer_document(answer: Answer) -> dict[str, object]:
    """What ``spandraft ask --json`` prints."""
    return {
        "answer": answer.text,
        "refused": answer.is_refusal,
        "notice": answer.notice,
        "citations": [_citation(citation) for citation in answer.citations],
        "passages": [_passage(passage) for passage in answer.passages],
        "stats": stats_document(answer.stats),
        "finish_reason": answer.finish_reason,
    }


def correction_document(correction: Correction) -> dict[str, object]:
    """What ``spandraft fix --json`` prints."""
    return {
        "corrected": correction.corrected,
        "edits": [{"start": edit.start, "end": edit.end, "replacement": edit.replacement} for edit in correction.edits],
        "stats": stats_document(correction.stats),
    }


def hit_document(hit: Hit) -> dict[str, object]:
    """A passage as ``spandraft search --json`` prints it: the same keys as the passages of an answer."""
    passage = hit.passage
    return {
        "passage_id": passage.id,
        "document": passage.document_name,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "place": describe_location(passage.marks, passage.start, passage.end),
        "score": float(hit.score),
        "chance": hit.chance,
    }


def stats_document(stats: RunStats) -> dict[str, object]:
    """The figures of one request."""
    return {
        "tokens": stats.tokens,
        "target_forwards": stats.target_forwards,
        "mean_acceptance_length": stats.mean_acceptance_length,
        "by_source": {
            name: {"drafted": counts.drafted, "accepted": counts.accepted} for name, counts in stats.by_source.items()
        },
        "ttft_s": stats.ttft_s,
        "tokens_per_s": stats.tokens_per_s,
        "stages_s": dict(stats.stages_s),
        "failed_sources": dict(stats.failed_sources),
        "drafting_note": stats.drafting_note,
    }


def error_document(cause: str, hint: str) -> dict[str, object]:
    """What is printed instead of a result."""
    return {"error": {"cause": cause, "hint": hint}}


def _citation(citation: Citation) -> dict[str, object]:
    return {
        "passage_id": citation.passage_id,
        "document": citation.document,
        "source_start": citation.source_start,
        "source_end": citation.source_end,
        "answer_start": citation.answer_start,
        "answer_end": citation.answer_end,
        "kind": citation.kind,
        "place": citation.place,
        "rows": [{"start": start, "end": end} for start, end in citation.rows],
    }


def _passage(passage: SourcePassage) -> dict[str, object]:
    return {
        "passage_id": passage.passage_id,
        "document": passage.document,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "place": passage.place,
        "score": float(passage.score),
        "chance": passage.chance,
    }
