"""The sentences of the hits that look most telling for the question: what the target is given to quote from.

Knows hits, sentences and an encoder, not prompts or tokens. Offsets are in the document.
S sentences, D dimensions.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpora.chunking import sentences as sentence_spans
from corpora.documents import Passage
from retrieval.hits import Evidence, Hit
from retrieval.interfaces import Encoder
from retrieval.prose import is_prose

SentenceSplitter = Callable[[str], Sequence[tuple[int, int]]]


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


@dataclass(frozen=True, slots=True)
class PassageSentences:
    """Spans inside a passage, with a vector each; ``prose`` says whether they are statements."""

    spans: tuple[tuple[int, int], ...]
    vectors_SD: NDArray[np.float32]
    prose: bool

    def similarities(self, query_D: NDArray[np.float32]) -> list[float]:
        """The cosine of each sentence to a unit vector."""
        return [float(vector_D @ query_D) for vector_D in self.vectors_SD]


class SentenceCache:
    """The sentences of passages with their vectors, shared by threads; the least recently used go first.

    A passage's id names its text, so that no entry goes stale. ``room`` is counted in passages.
    """

    def __init__(self, encoder: Encoder, *, sentences: SentenceSplitter = sentence_spans, room: int = 4096) -> None:
        self._encoder = encoder
        self._sentences = sentences
        self._room = room
        self._lock = threading.Lock()
        self._known: OrderedDict[str, PassageSentences] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def lookup(self, passages: Sequence[Passage]) -> list[PassageSentences]:
        """The sentences of each passage; those of all unknown passages are encoded together."""
        with self._lock:
            found = {one.id: self._known[one.id] for one in passages if one.id in self._known}
        found |= self._encode({one.id: one for one in passages if one.id not in found})
        with self._lock:
            for one in passages:
                self._known[one.id] = found[one.id]
                self._known.move_to_end(one.id)
            while len(self._known) > self._room:
                self._known.popitem(last=False)
        return [found[one.id] for one in passages]

    def _encode(self, passages: dict[str, Passage]) -> dict[str, PassageSentences]:
        split = {key: _worth_encoding(one.text, self._sentences(one.text)) for key, one in passages.items()}
        texts = [passages[key].text[start:end] for key, (spans, _) in split.items() for start, end in spans]
        if not texts:
            nothing = np.zeros((0, 0), dtype=np.float32)
            return {key: PassageSentences((), nothing, prose=False) for key in split}
        vectors_SD = self._encoder.encode_passages(texts)
        encoded: dict[str, PassageSentences] = {}
        taken = 0
        for key, (spans, prose) in split.items():
            encoded[key] = PassageSentences(spans, vectors_SD[taken : taken + len(spans)], prose)
            taken += len(spans)
        return encoded


def _worth_encoding(text: str, spans: Sequence[tuple[int, int]]) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The spans that are prose, and True; or all of them, and False. Outer whitespace is cut off."""
    prose = tuple(_trimmed(text, span) for span in spans if is_prose(text[slice(*span)]))
    if prose:
        return prose, True
    return tuple(_trimmed(text, span) for span in spans if text[slice(*span)].strip()), False


def _trimmed(text: str, span: tuple[int, int]) -> tuple[int, int]:
    inside = text[slice(*span)]
    return span[1] - len(inside.lstrip()), span[0] + len(inside.rstrip())


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
