"""The sources that guess several positions at once, and the tree of the likeliest combinations of their guesses.

``heads``: what the target's own heads guess after the last verified node, as a chain with side branches. Blockwise
parallel decoding (Stern et al. 2018) with one guess a position, Medusa (Cai et al. 2024) with several. The state is
that of the node whose logits gave the token that is the root now: no forward is needed, one small matrix product is.

``parallel``: k masked positions filled by a small model in one forward (SpecDec, Xia et al. 2023). Its cache is kept in
step with the output like a draft model's; masks never stay in it.

The guesses for a position do not depend on the tokens before it, so their combinations are a Cartesian product. Medusa
verifies a fixed part of it; ``product_tree`` opens the likeliest paths first.
"""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING, Final

from decoding.drafters.medusa_heads import MedusaHeads, Ranked
from decoding.drafters.parallel_model import ParallelModel
from decoding.interfaces import Commit, Request
from decoding.sources.base import UNTRIED_S, DraftContext, DraftSource
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.tree import DraftTree

if TYPE_CHECKING:
    import torch

# Guesses for each position ahead.
_HEAD_GUESSES: Final = 6
_PARALLEL_GUESSES: Final = 4
# A path less likely than this is never worth a node.
_WORTH: Final = 0.002


class MedusaSource(DraftSource):
    """One session's drafts of the heads. Silent without heads, before the first verified step, and where the target
    keeps no hidden states.
    """

    name = "heads"

    def __init__(self, heads: MedusaHeads | None) -> None:
        self._heads = heads
        self._hidden_D: torch.Tensor | None = None
        self._written = 0

    def start(self, request: Request) -> None:
        """Nothing is verified yet."""
        self.finish()

    def cost_s(self, context: DraftContext) -> float:
        """Seconds that a forward of the heads takes, lately."""
        return self._heads.cost_s or UNTRIED_S if self._heads is not None else 0.0

    def propose(self, context: DraftContext) -> DraftTree:
        """The chain of best guesses first, then the likeliest other combinations: at most ``context.limit`` nodes."""
        # A state from elsewhere than the end of the output says nothing about what follows.
        if self._heads is None or self._hidden_D is None or self._written != len(context.output):
            return DraftTree()
        return product_tree(self._heads.likely(self._hidden_D, k=_HEAD_GUESSES), context.limit)

    def observe(self, commit: Commit) -> None:
        """Take the state of the node after which the last token was chosen."""
        self._written += len(commit.tokens)
        self._hidden_D = commit.verified.hidden(commit.last_node) if commit.verified is not None else None

    def finish(self) -> None:
        """Drop the state."""
        self._hidden_D, self._written = None, 0


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
        ranked = reading.chances(chains, k=_PARALLEL_GUESSES, below=self._shared.vocab_size).best
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


def product_tree(ranked: Ranked, limit: int) -> DraftTree:
    """A tree of at most ``limit`` nodes: the likeliest token of each position, then the likeliest other paths."""
    positions = ranked[:limit]
    if not positions:
        return DraftTree()
    first = tuple(guesses[0][0] for guesses in positions)
    paths = {first[: depth + 1]: guesses[0][1] for depth, guesses in enumerate(positions)}
    heap: list[tuple[float, tuple[int, ...], float]] = [(-chance, (token,), chance) for token, chance in positions[0]]
    heapq.heapify(heap)
    while heap and len(paths) < limit:
        negative, path, last = heapq.heappop(heap)
        if -negative < _WORTH:
            break
        paths.setdefault(path, last)
        if len(path) < len(positions):
            for token, chance in positions[len(path)]:
                heapq.heappush(heap, (negative * chance, (*path, token), chance))
    return DraftTree.from_paths(paths)
