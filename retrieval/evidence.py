"""The sentences of the hits that look most telling for the question: what the target is given to quote from.

Knows hits, sentences and an encoder, not prompts or tokens. Offsets are in the document.
"""

from __future__ import annotations

from collections.abc import Sequence

from corpora.chunking import sentences as sentence_spans
from retrieval.hits import Evidence, Hit
from retrieval.interfaces import Encoder
from retrieval.sentences import SentenceCache, SentenceSplitter


def select_evidence(
    question: str,
    hits: Sequence[Hit],
    *,
    encoder: Encoder,
    limit: int = 8,
    sentences: SentenceSplitter = sentence_spans,
    cache: SentenceCache | None = None,
) -> list[Evidence]:
    """The at most ``limit`` sentences of the hits most similar to the question, best first.

    Headings, code lines and scraps are passed over as long as the hits have any prose. What overlapping
    passages share counts once, for the higher hit, and so does text that is repeated elsewhere. Ties go to
    the higher hit, then to the earlier sentence. With a ``cache`` (which has its own encoder and splitter) the
    sentences of a passage are encoded once, not once a question.
    """
    if cache is None:
        cache = SentenceCache(encoder, sentences=sentences)
    looked_up = cache.lookup([hit.passage for hit in hits])
    telling = any(known.prose for known in looked_up)
    query_D = encoder.encode_queries([question])[0]
    candidates = [
        Evidence(
            hit=index,
            start=hit.passage.start + start,
            end=hit.passage.start + end,
            text=hit.passage.text[start:end],
            similarity=similarity,
        )
        for index, (hit, known) in enumerate(zip(hits, looked_up, strict=True))
        if known.prose or not telling
        for (start, end), similarity in zip(known.spans, known.similarities(query_D), strict=True)
    ]
    ranked = sorted(_counted_once(candidates, hits), key=lambda one: (-one.similarity, one.hit, one.start))
    return ranked[:limit]


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
