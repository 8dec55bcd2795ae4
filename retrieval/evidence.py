"""Selects evidence: the sentences of the hits that most likely answer the question, for the target to quote from.

Knows hits, sentences, an encoder and a relevance scorer, not prompts or tokens. Offsets are in the document.
D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from corpora.text.chunking import sentences as sentence_spans
from retrieval.interfaces import Encoder, Evidence, Hit, Query, log_odds
from retrieval.relevance import CosineRelevance, Relevance
from retrieval.relevance_features import Candidate
from retrieval.sentences import SentenceCache, SentenceSplitter

FindEvidence: TypeAlias = Callable[[str | Query, Sequence[Hit], int], Sequence[Evidence]]
"""Selects for a question at most so many sentences of hits, best first."""


def select_evidence(
    question: str | Query,
    hits: Sequence[Hit],
    *,
    encoder: Encoder,
    limit: int = 8,
    sentences: SentenceSplitter = sentence_spans,
    cache: SentenceCache | None = None,
    relevance: Relevance | None = None,
) -> list[Evidence]:
    """The at most ``limit`` sentences of the hits most likely to answer the question, best first.

    A ``Query`` that was searched for is not embedded again. ``relevance`` scores the sentences; None: their cosines to
    the question alone. Raises what the encoder raises.

    Headings, code lines and fragments are skipped if the hits have any prose. Text that overlapping passages share
    counts once, for the higher hit, and so does text that is repeated elsewhere. Ties go to the higher hit, then to the
    earlier sentence. With a ``cache`` (which has its own encoder and splitter) the sentences of a passage are encoded
    once, not once a question.
    """
    if cache is None:
        cache = SentenceCache(encoder, sentences=sentences)
    sentences_of_hits = cache.lookup([hit.passage for hit in hits])
    has_prose = any(passage.is_prose for passage in sentences_of_hits)
    query = question if isinstance(question, Query) else Query(question, encoder)
    query_D = query.vector_D
    candidates = [
        Evidence(
            hit=index,
            start=hit.passage.start + start,
            end=hit.passage.start + end,
            text=hit.passage.text[start:end],
            similarity=similarity,
            relevance=log_odds(similarity),
        )
        for index, (hit, passage) in enumerate(zip(hits, sentences_of_hits, strict=True))
        if passage.is_prose or not has_prose
        for (start, end), similarity in zip(passage.spans, passage.similarities(query_D), strict=True)
    ]
    scored = _scored(query, _deduplicated(candidates, hits), relevance or CosineRelevance())
    return sorted(scored, key=lambda evidence: (-evidence.relevance, evidence.hit, evidence.start))[:limit]


def _scored(query: Query, sentences: Sequence[Evidence], relevance: Relevance) -> list[Evidence]:
    """The sentences with their relevance; they are in the order of hits, then of the document."""
    candidates = [
        Candidate(
            sentence.text, sentence.hit, sentence.similarity, sentence.lead, sentence.lead_similarity, sentence.kind
        )
        for sentence in sentences
    ]
    scores = relevance.scores(query.spelled, candidates, is_foreign=query.language is not None)
    return [replace(sentence, relevance=score) for sentence, score in zip(sentences, scores, strict=True)]


def _deduplicated(candidates: Sequence[Evidence], hits: Sequence[Hit]) -> list[Evidence]:
    """Drop what overlaps a longer candidate of the same document, then repeated text; the higher hit stays."""
    longest: list[Evidence] = []
    spans_by_document: dict[str, list[tuple[int, int]]] = {}
    for evidence in sorted(candidates, key=lambda each: (each.start - each.end, each.hit, each.start)):
        spans = spans_by_document.setdefault(hits[evidence.hit].passage.document_id, [])
        if not any(evidence.start < end and start < evidence.end for start, end in spans):
            spans.append((evidence.start, evidence.end))
            longest.append(evidence)
    by_text: dict[str, Evidence] = {}
    for evidence in sorted(longest, key=lambda each: (each.hit, each.start)):
        by_text.setdefault(" ".join(evidence.text.split()), evidence)
    return list(by_text.values())
