"""LLMA: copy what follows the last written tokens in the given documents.

Yang et al. 2023, "Inference with Reference: Lossless Acceleration of Large Language Models". The documents alone are
searched, longest n-gram first, and its first occurrence is copied. A published method to compare with; ``blend`` is
ours.
"""

from __future__ import annotations

from decoding.interfaces import NO_ORIGIN, Origin, OriginKind, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree


class Llma(DraftSource):
    """One chain. Documents are the request's references; without any, the prompt is the only one."""

    name = "llma"

    def __init__(self, *, max_ngram: int = 5, min_ngram: int = 1, num_tokens: int = 19) -> None:
        self._sizes = range(max_ngram, min_ngram - 1, -1)
        self._num_tokens = num_tokens
        self._documents: list[tuple[int, ...]] = []
        self._quotes_references = False
        self._first: dict[tuple[int, ...], tuple[int, int]] = {}

    def start(self, request: Request) -> None:
        """Index every n-gram of the documents under the position after its first occurrence."""
        self.finish()
        self._quotes_references = bool(request.references)
        self._documents = [reference.ids for reference in request.references] or [request.prompt]
        for index, ids in enumerate(self._documents):
            for size in self._sizes:
                for start in range(len(ids) - size + 1):
                    self._first.setdefault(ids[start : start + size], (index, start + size))

    def propose(self, context: DraftContext) -> DraftTree:
        """The tokens after the longest n-gram at the end of the output that stands in a document, if any does."""
        tokens = context.output
        for size in self._sizes:
            match = self._first.get(tuple(tokens[-size:])) if len(tokens) >= size else None
            if match is None:
                continue
            index, start = match
            ids = self._documents[index][start : start + min(context.limit, self._num_tokens)]
            return DraftTree.chain(ids, 1.0, origins=self._origins(index, start, len(ids)))
        return DraftTree()

    def finish(self) -> None:
        """Drop the documents."""
        self._documents, self._first = [], {}

    def _origins(self, index: int, start: int, count: int) -> tuple[Origin, ...]:
        if not self._quotes_references:
            return (NO_ORIGIN,) * count
        return tuple(Origin(OriginKind.REFERENCE, index, start + step) for step in range(count))
