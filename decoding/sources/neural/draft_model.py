"""The draft model: a small causal LM that writes ahead of the target, or reads over what the other sources copied.

Where nothing can be copied it writes a chain, with its runners-up as side branches (Leviathan et al. 2023), or grows a
tree level by level (EAGLE-2's rule, Li et al. 2024). Where a chain was copied, one parallel pass marks the positions at
which the small model would deviate, and with what: the copy becomes a tree with the likely changes as branches.
For speculative sampling (Chen et al. 2023) it samples one chain and says from which distributions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from decoding.drafters.draft_cost import PromptCost, average_cost
from decoding.errors import UnsupportedModel
from decoding.interfaces import Commit, Request
from decoding.sources.base import UNTRIED_S, DraftContext, DraftSource
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.sources.neural.marking import copied_chain, mark
from decoding.sources.neural.writing import grow, sample, write
from decoding.target.capability import Capability
from decoding.tree import DraftTree, TokenTree

if TYPE_CHECKING:
    from decoding.target.target import Target

Mode = Literal["write", "mark", "sample"]
_SAMPLING_CRITERION: Final = "speculative-sampling"
_FIRST_LENGTH: Final = 5
_FADE: Final = 0.99
_PRIOR: Final = 16.0


@dataclass(slots=True)
class DraftModel:
    """A small model that drafts for a target of ``vocab_size`` tokens, with the seconds that each mode takes, and how
    often the target agreed with what it wrote, beside how sure it was. Old counts fade.

    Sessions share it in turns; each has a cache of its own.
    """

    model: Target
    vocab_size: int
    cost_s: dict[Mode, float] = field(default_factory=dict)
    prompts: PromptCost = field(default_factory=PromptCost)
    tried: float = _PRIOR
    expected: float = _PRIOR / 2
    agreed: float = _PRIOR / 2

    @classmethod
    def of(cls, model: Target, target: Target, *, tokens: int | None = None) -> DraftModel:
        """``model`` as the drafter of ``target``. ``tokens`` is the size of the tokenizer that both are known to
        share; embeddings may then be padded to different sizes. Raises UnsupportedModel for another vocabulary, and
        for a model with a recurrent state, which cannot be taken back to where the target disagreed.
        """
        if model.capability is not Capability.TREE:
            raise UnsupportedModel(
                f"the draft model {model.name} keeps a state that drafts cannot be taken back from",
                hint="choose a draft model with attention in all its layers",
            )
        fits = min(model.vocab_size, target.vocab_size) >= tokens if tokens else model.vocab_size == target.vocab_size
        if not fits:
            raise UnsupportedModel(
                f"the draft model {model.name} has {model.vocab_size} tokens, the target {target.vocab_size}",
                hint="choose a smaller model of the target's own family: both must have one tokenizer",
            )
        return cls(model, target.vocab_size)

    def spent(self, mode: Mode, seconds: float) -> None:
        """Take a measured time into the moving average of its mode."""
        self.cost_s[mode] = average_cost(self.cost_s.get(mode, 0.0), seconds)

    def learn(self, chance: float, agreed: bool) -> None:
        """A written token of ``chance`` had its turn: everything before it was accepted."""
        self.tried = self.tried * _FADE + 1.0
        self.expected = self.expected * _FADE + chance
        self.agreed = self.agreed * _FADE + agreed

    @property
    def odds(self) -> float:
        """The factor on the odds of the model's own chances that makes them the target's agreement."""
        least = 0.01 * self.tried
        agreed = min(max(self.agreed, least), self.tried - least)
        expected = min(max(self.expected, least), self.tried - least)
        return agreed / (self.tried - agreed) * (self.tried - expected) / expected


class DraftModelSource(DraftSource):
    """One session's drafts of a small model, which reads the prompt when it is first asked. Silent without a model.

    ``width`` 1 writes chains; a larger one grows trees, that many nodes a level. It samples if ``sampled``, or if the
    request's criterion is speculative sampling. ``name`` is that of the source, if it is not told by ``width``.
    """

    def __init__(
        self, shared: DraftModel | None, *, width: int = 1, sampled: bool = False, name: str | None = None
    ) -> None:
        self._shared, self._width, self._sampled = shared, width, sampled
        self.name = name if name is not None else "draft-model" if width == 1 else "draft-tree"
        self._request: Request | None = None
        self._cache: DraftModelCache | None = None
        self._samples = sampled
        self._length = _FIRST_LENGTH
        self._steps = 0
        self._written = DraftTree()  # The chain whose length is learned from.

    def start(self, request: Request) -> None:
        """Remember the request; nothing is computed yet."""
        self.finish()
        self._request = request
        criterion = request.criterion
        self._samples = self._sampled or (criterion is not None and criterion.name == _SAMPLING_CRITERION)

    def cost_s(self, context: DraftContext) -> float:
        """Seconds that a draft takes in the mode that suits ``context.drafted``, lately; before the prompt is read,
        with a step's share of reading it.
        """
        if self._shared is None or self._request is None:
            return 0.0
        known_s = self._shared.cost_s.get(self._mode(context.drafted))
        if not known_s:
            return UNTRIED_S
        return known_s + (self._shared.prompts.share_s(len(self._request.prompt)) if self._cache is None else 0.0)

    def propose(self, context: DraftContext) -> DraftTree:
        """The copied chain with its likely changes, or what the model writes by itself."""
        self._written = DraftTree()
        if self._shared is None or self._request is None:
            return DraftTree()
        if self._cache is None:
            self._cache = DraftModelCache(self._shared.model, self._request.prompt, self._shared.prompts)
        output, room = context.output, min(context.limit, self._cache.room - len(context.output) - 1)
        if room < 1:
            return DraftTree()
        self._cache.catch_up(output)
        chain = None if self._samples else copied_chain(context.drafted)
        started = time.perf_counter()
        if chain is not None:
            draft = mark(self._cache, output, chain, limit=room)
        else:
            draft = self._write(self._cache, self._request, output, room)
            self._written = draft.subtree(draft.path(_deepest(draft)))
        self._shared.spent(self._mode(context.drafted), time.perf_counter() - started)
        return draft

    def observe(self, commit: Commit) -> None:
        """A chain that was accepted whole makes the next one longer, another one shorter."""
        self._steps += 1
        written, self._written = self._written, DraftTree()
        if not written or self._shared is None:
            return
        whole = commit.tokens[: len(written.tokens)] == written.tokens
        self._length = self._length + 2 if whole else max(1, self._length - 1)
        for token, chance, right in zip(written.tokens, written.probabilities, commit.tokens, strict=False):
            self._shared.learn(chance, token == right)
            if token != right:
                break

    def finish(self) -> None:
        """Drop the session's cache."""
        if self._shared is not None and self._steps:
            self._shared.prompts.ended(self._steps)
        self._request, self._cache, self._written, self._length, self._steps = None, None, DraftTree(), _FIRST_LENGTH, 0

    def _mode(self, tree: TokenTree) -> Mode:
        if self._samples:
            return "sample"
        return "mark" if copied_chain(tree) is not None else "write"

    def _write(self, cache: DraftModelCache, request: Request, output: Sequence[int], limit: int) -> DraftTree:
        assert self._shared is not None
        length, odds = min(limit, self._length), self._shared.odds
        if self._samples:
            return sample(cache, output, request, vocab_size=self._shared.vocab_size, length=length)
        if self._width > 1:
            return grow(cache, output, limit=limit, length=length, width=self._width, odds=odds)
        return write(cache, output, limit=limit, length=length, odds=odds)


def _deepest(draft: DraftTree) -> int:
    """The first leaf of the deepest."""
    depths = draft.depths()
    return max(draft.leaf_order(), key=lambda node: depths[node])
