"""The source ``heads``: what the target's own heads guess behind the last verified node, as a chain with side branches.

Blockwise parallel decoding (Stern et al. 2018) with one guess a position, Medusa (Cai et al. 2024) with several. The
state is that of the node whose logits gave the token that is the root now: no forward is needed, one small matrix
product is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from decoding.drafters.medusa_heads import MedusaHeads
from decoding.interfaces import Commit, Request
from decoding.sources.base import UNTRIED_S, DraftContext, DraftSource
from decoding.sources.neural.product_tree import product_tree
from decoding.tree import DraftTree

if TYPE_CHECKING:
    import torch

_GUESSES: Final = 6  # A position ahead.


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
        return product_tree(self._heads.likely(self._hidden_D, k=_GUESSES), context.limit)

    def observe(self, commit: Commit) -> None:
        """Take the state of the node behind which the last token was chosen."""
        self._written += len(commit.tokens)
        self._hidden_D = commit.verified.hidden(commit.last_node) if commit.verified is not None else None

    def finish(self) -> None:
        """Drop the state."""
        self._hidden_D, self._written = None, 0
