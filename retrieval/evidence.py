"""The sentences of the hits that look most telling for the question: what the target is given to quote from.

Knows hits, sentences, an encoder and who judges them, not prompts or tokens. Offsets are in the document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from corpora.text.chunking import sentences as sentence_spans
from retrieval.hits import Evidence, Hit, log_odds
from retrieval.interfaces import Encoder
from retrieval.query import Query
from retrieval.relevance import CosineRelevance, Relevance
from retrieval.relevance_features import Candidate
from retrieval.sentences import SentenceCache, SentenceSplitter

FindEvidence: TypeAlias = Callable[[str | Query, Sequence[Hit], int], Sequence[Evidence]]
"""Finds the at most so many most telling sentences of hits."""


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

    A ``Query`` that was searched for is not embedded again. ``relevance`` judges the sentences, None: their cosines to
    the question alone.

    Headings, code lines and scraps are passed over as long as the hits have any prose. What overlapping
    passages share counts once, for the higher hit, and so does text that is repeated elsewhere. Ties go to
    the higher hit, then to the earlier sentence. With a ``cache`` (which has its own encoder and splitter) the
    sentences of a passage are encoded once, not once a question.
    """
    if cache is None:
        cache = SentenceCache(encoder, sentences=sentences)
    looked_up = cache.lookup([hit.passage for hit in hits])
    telling = any(known.prose for known in looked_up)
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
        for index, (hit, known) in enumerate(zip(hits, looked_up, strict=True))
        if known.prose or not telling
        for (start, end), similarity in zip(known.spans, known.similarities(query_D), strict=True)
    ]
    judged = _judged(query, _counted_once(candidates, hits), relevance or CosineRelevance())
    return sorted(judged, key=lambda one: (-one.relevance, one.hit, one.start))[:limit]


def _judged(query: Query, found: Sequence[Evidence], relevance: Relevance) -> list[Evidence]:
    """With their relevance; ``found`` is in the order of hits, then of the document."""
    candidates = [Candidate(one.text, one.hit, one.similarity) for one in found]
    scores = relevance.scores(query.text, candidates, is_foreign=query.language is not None)
    return [replace(one, relevance=score) for one, score in zip(found, scores, strict=True)]


def _counted_once(candidates: Sequence[Evidence], hits: Sequence[Hit]) -> list[Evidence]:
    """Drop what overlaps a longer candidate of the same document, then repeated text; the higher hit stays."""
    whole: list[Evidence] = []
    spans_by_document: dict[str, list[tuple[int, int]]] = {}
    for one in sorted(candidates, key=lambda one: (one.start - one.end, one.hit, one.start)):
        spans = spans_by_document.setdefault(hits[one.hit].passage.document_id, [])
        if not any(one.start < end and start < one.end for start, end in spans):
            spans.append((one.start, one.end))
            whole.append(one)
    by_text: dict[str, Evidence] = {}
    for one in sorted(whole, key=lambda one: (one.hit, one.start)):
        by_text.setdefault(" ".join(one.text.split()), one)
    return list(by_text.values())
