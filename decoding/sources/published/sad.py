"""Aggressive decoding: the whole text under correction is drafted; after a mismatch, its rest after a unique n-gram.

Sun et al. 2021, "Instantaneous Grammatical Error Correction with Shallow Aggressive Decoding". A published method to
compare with; ``cursor`` is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import NO_ORIGIN, Origin, OriginKind, Reference, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree

_SEVERAL = -1


class AggressiveDecoding(DraftSource):
    """One chain over the reference that has ``cursor`` set; silent without one."""

    name = "sad"

    def __init__(self, *, max_ngram: int = 3) -> None:
        self._max_ngram = max_ngram
        self._reference = Reference(())
        self._index = 0
        self._ids: tuple[int, ...] = ()
        self._ends: dict[tuple[int, ...], int] = {}
        self._copied_from: int | None = 0
        self._seen = 0

    def start(self, request: Request) -> None:
        """Find the text that the output rewrites, and where each of its n-grams ends if it stands there once."""
        self.finish()
        for index, reference in enumerate(request.references):
            if reference.cursor:
                self._reference, self._index = reference, index
        if self._reference.ids:
            self._ids = (*self._reference.ids, *sorted(request.eos_ids)[:1])
        for size in range(1, self._max_ngram + 1):
            for start in range(len(self._reference.ids) - size + 1):
                ngram = self._reference.ids[start : start + size]
                self._ends[ngram] = _SEVERAL if ngram in self._ends else start + size

    def propose(self, context: DraftContext) -> DraftTree:
        """The rest of the text from where the output stands, if that is known."""
        if not self._ids:
            return DraftTree()
        tokens = context.output
        start = self._place(tokens)
        self._copied_from, self._seen = start, len(tokens)
        ids = self._ids[start : start + context.limit] if start is not None else ()
        if start is None or not ids:
            return DraftTree()
        origins = (Origin(OriginKind.REFERENCE, self._index, start + step) for step in range(len(ids)))
        inside = len(self._reference.ids) - start
        return DraftTree.chain(ids, 1.0, origins=(*origins,)[:inside] + (NO_ORIGIN,) * (len(ids) - inside))

    def finish(self) -> None:
        """Forget the session."""
        self._reference, self._ids, self._ends = Reference(()), (), {}
        self._copied_from, self._seen = 0, 0

    def _place(self, tokens: Sequence[int]) -> int | None:
        """Where the text goes on: without a mismatch right after what was copied, else after a unique n-gram."""
        new = tuple(tokens[self._seen :])
        if self._copied_from is not None:
            copied_to = self._copied_from + len(new)
            if self._ids[self._copied_from : copied_to] == new:
                return copied_to
        for size in range(1, min(self._max_ngram, len(tokens)) + 1):
            end = self._ends.get(tuple(tokens[-size:]))
            if end is None:
                return None
            if end != _SEVERAL:
                return end
        return None
