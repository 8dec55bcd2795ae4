"""Answers as the pipeline makes them, for tests of what is kept of them."""

from __future__ import annotations

from types import MappingProxyType

from app.generation.events import Answer, Citation, RunStats, SourcePassage
from corpora.documents import Document


def answer_quoting(document: Document, start: int = 0, end: int = 80) -> Answer:
    """An answer that is a copy of a part of a document, with the passage that it is copied from."""
    text = document.text[start:end]
    passage_id = f"{document.id}:0-{len(document.text)}"
    passage = SourcePassage(passage_id, document.name, 0, len(document.text), document.text, 1.0, 1)
    citation = Citation(passage_id, document.name, start, end, 0, len(text), "copied")
    stats = RunStats(1, 1, 1.0, MappingProxyType({}), 0.1, 1.0, MappingProxyType({}))
    return Answer("?", text, (citation,), (passage,), stats, "eos")
