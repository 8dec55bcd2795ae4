"""Selects evidence: the units of the hits that most likely answer the question, for the target to quote from.

Knows hits, units, an encoder and a relevance scorer, not prompts or tokens. Offsets are in the document.
D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

from corpora.documents import Passage
from retrieval.document_names import words_of_name
from retrieval.evidence.enumerations import with_lists_first
from retrieval.evidence.leads import in_one_line
from retrieval.evidence.relevance import CosineRelevance, Relevance
from retrieval.evidence.relevance_features import Candidate
from retrieval.evidence.sentences import PassageUnits, SentenceCache
from retrieval.interfaces import Encoder, Evidence, Hit, Query, Retrieved, log_odds

FindEvidence: TypeAlias = Callable[[str | Query, Sequence[Hit], int | None], Sequence[Evidence]]
"""Selects for a question at most so many units of hits (None: all), best first."""


def select_evidence(
    question: str | Query,
    hits: Sequence[Hit],
    *,
    encoder: Encoder,
    limit: int | None = 8,
    cache: SentenceCache | None = None,
    relevance: Relevance | None = None,
) -> list[Evidence]:
    """The at most ``limit`` units (None: all) of the hits most likely to answer the question, best first; none overlap.

    A ``Query`` that was searched for is not embedded again. ``relevance`` scores the units; None: their cosines to the
    question alone. Raises what the encoder raises.

    Questions, headings and labels are leads, not units; code, pointers and the like are skipped if the hits have
    anything else. Text that overlapping passages share counts once, for the higher hit, and text that is repeated
    elsewhere once, where it is likeliest to answer. Ties go to the higher hit, then to the earlier unit. With a
    ``cache`` (which has its own encoder) the units of a passage are encoded once, not once a question.
    """
    if cache is None:
        cache = SentenceCache(encoder)
    query = question if isinstance(question, Query) else Query(question, encoder)
    units = _without_torn(list(_units(query, hits, cache.lookup([hit.passage for hit in hits]))), hits)
    scored = _scored(query, units, hits, relevance or CosineRelevance())
    ranked = sorted(scored, key=lambda evidence: (-evidence.relevance, evidence.hit, evidence.start))
    return list(islice(_apart(ranked, hits), limit))


def _units(query: Query, hits: Sequence[Hit], found: Sequence[PassageUnits]) -> Iterator[Evidence]:
    """All units, without scraps unless there is nothing else; those of a hit in the order of its text."""
    are_scraps = all(passage.is_scrap for passage in found)
    query_D = query.vector_D
    for index, (hit, passage) in enumerate(zip(hits, found, strict=True)):
        if passage.is_scrap and not are_scraps:
            continue
        similarities = zip(passage.units, passage.similarities(query_D), strict=True)
        for unit, (similarity, of_lead) in sorted(similarities, key=lambda pair: (pair[0].start, pair[0].end)):
            yield Evidence(
                hit=index,
                start=hit.passage.start + unit.start,
                end=hit.passage.start + unit.end,
                text=hit.passage.text[unit.start : unit.end],
                similarity=similarity,
                relevance=log_odds(similarity),
                lead="\n".join(unit.leads),
                lead_similarity=of_lead,
                kind=unit.kind,
            )


def _scored(query: Query, units: Sequence[Evidence], hits: Sequence[Hit], relevance: Relevance) -> list[Evidence]:
    """The units with their relevance; they are in the order of hits, then of the document."""
    candidates = [
        Candidate(unit.text, unit.hit, unit.similarity, unit.lead, unit.lead_similarity, unit.kind) for unit in units
    ]
    texts = [hit.passage.text for hit in hits]
    scores = relevance.scores(query.spelled, candidates, is_foreign=query.is_foreign, passages=texts)
    judged = [replace(unit, relevance=score) for unit, score in zip(units, scores, strict=True)]
    return with_lists_first(query.spelled, judged, hits)


def _without_torn(units: Sequence[Evidence], hits: Sequence[Hit]) -> list[Evidence]:
    """Drop what overlaps a longer unit of the same kind in another passage, or repeats it with the same leads.

    What is of equal length stays where more leads to it, then for the higher hit.
    """
    whole: list[Evidence] = []
    spans_of: dict[tuple[str, bool], list[tuple[int, int]]] = {}
    for unit in sorted(units, key=lambda each: (each.start - each.end, -len(each.lead), each.hit, each.start)):
        spans = spans_of.setdefault((hits[unit.hit].passage.document_id, unit.kind == "list"), [])
        if not any(unit.start < end and start < unit.end for start, end in spans):
            spans.append((unit.start, unit.end))
            whole.append(unit)
    by_text: dict[tuple[str, str], Evidence] = {}
    for unit in sorted(whole, key=lambda each: (each.hit, each.start, each.end)):
        by_text.setdefault((in_one_line(unit.text), unit.lead), unit)
    return list(by_text.values())


def _apart(ranked: Sequence[Evidence], hits: Sequence[Hit]) -> Iterator[Evidence]:
    """The units, best first, without those that overlap or repeat a better one: a list and its items, for example."""
    texts: set[str] = set()
    spans_of: dict[str, list[tuple[int, int]]] = {}
    for unit in ranked:
        spans, text = spans_of.setdefault(hits[unit.hit].passage.document_id, []), in_one_line(unit.text)
        if text not in texts and not any(unit.start < end and start < unit.end for start, end in spans):
            texts.add(text)
            spans.append((unit.start, unit.end))
            yield unit


def retrieved(
    query: Query, hits: Sequence[Hit], judged: Sequence[Evidence], sentences: int, relevance: Relevance
) -> Retrieved:
    """What was found for a question, of hits and all the evidence in them: the best of it, and each hit's chance.

    A hit's chance to answer is that of its likeliest evidence, 0 without any. Where nothing is likely to answer, what
    the question names and no hit has is ``missing``.
    """
    best: dict[int, float] = {}
    for one in judged:
        best[one.hit] = max(one.chance, best.get(one.hit, 0.0))
    rated = tuple(replace(hit, chance=best.get(index, 0.0)) for index, hit in enumerate(hits))
    missing: tuple[str, ...] = ()
    if not any(one.is_likely for one in judged):
        texts = [_with_name(hit.passage) for hit in hits]
        missing = relevance.missing(query.spelled, texts, is_foreign=query.is_foreign)
    return Retrieved(rated, tuple(judged[:sentences]), query.language, query.mended, missing=missing)


def _with_name(passage: Passage) -> str:
    """A passage below what names it: its document and its headings."""
    return "\n".join([words_of_name(passage.document_name), *(mark.label for mark in passage.marks), passage.text])
