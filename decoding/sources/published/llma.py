"""LLMA: copy what follows the last written tokens in the given documents.

Yang et al. 2023, "Inference with Reference: Lossless Acceleration of Large Language Models". The documents alone are
searched, longest n-gram first, and the first place is taken. A published method to compare with; ``spans`` is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import NO_ORIGIN, Commit, Draft, Origin, OriginKind, Request


class Llma:
    """One chain. Documents are the request's references; without any, the prompt is the only one."""

    def __init__(self, *, max_ngram: int = 5, min_ngram: int = 1, num_tokens: int = 19) -> None:
        self._sizes = range(max_ngram, min_ngram - 1, -1)
        self._num_tokens = num_tokens
        self._documents: list[tuple[int, ...]] = []
        self._quotes_references = False
        self._first: dict[tuple[int, ...], tuple[int, int]] = {}

    @property
    def name(self) -> str:
        """``llma``."""
        return "llma"

    def start(self, request: Request) -> None:
        """Index every n-gram of the documents under the place behind its first occurrence."""
        self.finish()
        self._quotes_references = bool(request.references)
        self._documents = [reference.ids for reference in request.references] or [request.prompt]
        for index, ids in enumerate(self._documents):
            for size in self._sizes:
                for start in range(len(ids) - size + 1):
                    self._first.setdefault(ids[start : start + size], (index, start + size))

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The tokens behind the longest n-gram at the end of the output that stands in a document, if any does."""
        for size in self._sizes:
            found = self._first.get(tuple(tokens[-size:])) if len(tokens) >= size else None
            if found is None:
                continue
            index, start = found
            ids = self._documents[index][start : start + min(limit, self._num_tokens)]
            return [Draft(ids, (1.0,) * len(ids), self._origins(index, start, len(ids)))] if ids else []
        return []

    def observe(self, commit: Commit) -> None:
        """Nothing to learn."""

    def finish(self) -> None:
        """Drop the documents."""
        self._documents, self._first = [], {}

    def _origins(self, index: int, start: int, count: int) -> tuple[Origin, ...]:
        if not self._quotes_references:
            return (NO_ORIGIN,) * count
        return tuple(Origin(OriginKind.REFERENCE, index, start + step) for step in range(count))
