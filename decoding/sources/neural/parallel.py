"""The source ``parallel``: k masked positions filled by a small model in one forward (SpecDec, Xia et al. 2023).

Its cache is kept in step with the output like a draft model's; masks never stay in it.
"""

from __future__ import annotations

import time
from typing import Final

from decoding.drafters.parallel_model import ParallelModel
from decoding.interfaces import Commit, Request
from decoding.sources.base import UNTRIED_S, DraftContext, DraftSource
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.sources.neural.product_tree import product_tree
from decoding.tree import DraftTree

_GUESSES: Final = 4  # A position ahead.


class ParallelSource(DraftSource):
    """One session's drafts of a parallel drafter, which reads the prompt when it is first asked. Silent without one."""

    name = "parallel"

    def __init__(self, shared: ParallelModel | None) -> None:
        self._shared = shared
        self._request: Request | None = None
        self._cache: DraftModelCache | None = None
        self._steps = 0

    def start(self, request: Request) -> None:
        """Remember the request; nothing is computed yet."""
        self.finish()
        self._request = request

    def cost_s(self, context: DraftContext) -> float:
        """Seconds that a draft takes, lately, and a step's share of reading the prompt."""
        if self._shared is None or self._request is None:
            return 0.0
        if not self._shared.cost_s:
            return UNTRIED_S
        reading_s = self._shared.prompts.share_s(len(self._request.prompt)) if self._cache is None else 0.0
        return self._shared.cost_s + reading_s

    def propose(self, context: DraftContext) -> DraftTree:
        """The chain of the likeliest tokens first, then the likeliest other combinations: at most ``context.limit``
        nodes.
        """
        if self._shared is None or self._request is None:
            return DraftTree()
        tokens, limit = context.output, context.limit
        if self._cache is None:
            self._cache = DraftModelCache(self._shared.model, self._request.prompt, self._shared.prompts)
        masks = self._shared.mask_ids[: max(0, self._cache.room - len(tokens))]
        if limit < 1 or self._cache.room < len(tokens):
            return DraftTree()
        self._cache.catch_up(tokens)
        started = time.perf_counter()
        chains = [masks[:count] for count in range(min(len(masks) + 1, limit))]
        # What is read as the first chain stays in the cache: the text alone.
        reading = self._cache.read(tokens, [(), chains[-1]])
        ranked = reading.chances(chains, k=_GUESSES, below=self._shared.vocab_size).best
        self._shared.spent(time.perf_counter() - started)
        return product_tree(ranked, limit)

    def observe(self, commit: Commit) -> None:
        """Nothing to learn but how many steps there are: calibration does the rest."""
        self._steps += 1

    def finish(self) -> None:
        """Drop the session's cache."""
        if self._shared is not None and self._steps:
            self._shared.prompts.ended(self._steps)
        self._request, self._cache, self._steps = None, None, 0
