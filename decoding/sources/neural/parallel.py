"""Parallel: k masked places filled by a small model in one forward (SpecDec, Xia et al. 2023).

Its cache is kept in step with the output like a draft model's; masks never stay in it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from decoding.drafters.parallel_model import ParallelModel
from decoding.interfaces import Commit, Draft, Request
from decoding.sources.neural.combined import combined
from decoding.sources.neural.draft_context import DraftContext
from decoding.tree import TokenTree

_GUESSES: Final = 4  # A place ahead.


class ParallelSource:
    """One session's drafts of a parallel drafter, which reads the prompt when it is first asked. Silent without one."""

    def __init__(self, shared: ParallelModel | None) -> None:
        self._shared = shared
        self._request: Request | None = None
        self._context: DraftContext | None = None
        self._steps = 0

    @property
    def name(self) -> str:
        """``parallel``."""
        return "parallel"

    def start(self, request: Request) -> None:
        """Remember the request; nothing is computed yet."""
        self.finish()
        self._request = request

    def cost_s(self, tree: TokenTree) -> float:
        """Seconds that ``extend`` takes, lately, and a step's share of reading the prompt. 0 before it was tried."""
        if self._shared is None or self._request is None or not self._shared.cost_s:
            return 0.0
        reading_s = self._shared.prompts.share_s(len(self._request.prompt)) if self._context is None else 0.0
        return self._shared.cost_s + reading_s

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The chain of the likeliest tokens first, then the likeliest other combinations: at most ``limit`` nodes."""
        if self._shared is None or self._request is None:
            return []
        if self._context is None:
            self._context = DraftContext(self._shared.model, self._request.prompt, self._shared.prompts)
        masks = self._shared.mask_ids[: max(0, self._context.room - len(tokens))]
        if limit < 1 or self._context.room < len(tokens):
            return []
        self._context.catch_up(tokens)
        started = time.perf_counter()
        chains = [masks[:count] for count in range(min(len(masks) + 1, limit))]
        # What is read as the first chain stays in the cache: the text alone.
        reading = self._context.read(tokens, [(), chains[-1]])
        ranked = reading.chances(chains, k=_GUESSES, below=self._shared.vocab_size).best
        self._shared.spent(time.perf_counter() - started)
        return combined(ranked, limit)

    def extend(self, tokens: Sequence[int], tree: TokenTree, limit: int) -> list[Draft]:
        """The same, whatever others drafted."""
        return self.propose(tokens, limit)

    def observe(self, commit: Commit) -> None:
        """Nothing to learn but how many steps there are: calibration does the rest."""
        self._steps += 1

    def finish(self) -> None:
        """Drop the session's cache."""
        if self._shared is not None and self._steps:
            self._shared.prompts.ended(self._steps)
        self._request, self._context, self._steps = None, None, 0
