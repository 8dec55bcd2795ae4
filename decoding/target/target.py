"""The target: an unmodified Hugging Face causal LM that prefills a prompt and verifies token trees in one forward.

The code that calls transformers' forward is here, in ``state_cache`` and in ``decoding.cuda.graphs``. A tree is laid
out after the cached tokens; a 4-D float mask lets each node see the cached tokens and its own ancestors, and the
position of a node is that of its depth. Knows nothing of sessions and sources; ``loading`` makes it.
B rows, N new tokens or tree nodes a row, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.interfaces import Sampling
from decoding.target.cache_argument import cache_argument
from decoding.target.capability import Capability
from decoding.target.hidden_states import Forward, capture_hidden_states
from decoding.target.masks import FULL_ATTENTION, Attention, attention_masks, padded_visibility
from decoding.target.placement import input_device, is_quantized, to_device
from decoding.target.quantized import is_exact, is_int8
from decoding.target.session_cache import SessionCache
from decoding.target.state_cache import StateCache
from decoding.target.tree_cache import TreeCache
from decoding.tree import TokenTree
from decoding.verification.logits import Likeliest, TreeLogits

PREFILL_CHUNK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A loaded model with what its configuration says about it and what its self-check proved.

    ``context_length``: prompt and output tokens at most; up to there decoding is exact. ``capability``: what it can
    verify in one forward; ``shortfall``: why that is not more, if it is not all. ``max_rows``: sessions that may share
    a forward. ``keeps_hidden``: a verified tree keeps the last hidden states (``TreeLogits.hidden``), for heads that
    draft from them.
    """

    model: Any
    name: str
    vocab_size: int
    context_length: int
    eos_ids: frozenset[int]
    generation_defaults: Sampling
    attention: Attention = FULL_ATTENTION
    capability: Capability = Capability.TREE
    shortfall: str = ""
    max_rows: int = 2**16
    keeps_hidden: bool = False

    def keeping_hidden_states(self) -> Self:
        """The same model, of which verified trees keep the last hidden states."""
        return self if self.keeps_hidden else replace(self, keeps_hidden=True)

    @property
    def device(self) -> torch.device:
        """Where input ids go."""
        return input_device(self.model)

    @property
    def dtype(self) -> torch.dtype:
        """The weights' type, which is also the mask's."""
        dtype = self.model.dtype
        assert isinstance(dtype, torch.dtype)
        return dtype

    @property
    def precision(self) -> str:
        """The number format of its products: int8, or the name of the weights' type."""
        return "int8" if is_int8(self.model) else str(self.dtype).removeprefix("torch.")

    @property
    def is_quantized(self) -> bool:
        """Whether its weights are quantised, so that rounding may depend on what else is in a forward."""
        return is_quantized(self.model) or is_int8(self.model)

    @property
    def is_exact(self) -> bool:
        """Whether a token's logits are the same, bit for bit, whatever else is in a forward."""
        return is_exact(self.model)

    @property
    def note(self) -> str:
        """What it cannot do with drafts or with its context, and why, in one line; empty if it can do all."""
        cause = f": {self.shortfall}" if self.shortfall else ""
        if self.capability is not Capability.TREE:
            return self.capability.description + cause
        return f"its context ends after {self.context_length} tokens, one window{cause}" if self.attention.limit else ""

    @property
    def reads_whole(self) -> bool:
        """Whether a prompt must be read in one forward, because reading cannot go on from a state."""
        return self.capability is Capability.PLAIN

    def new_cache(self, rows: int = 1) -> SessionCache:
        """A cache of ``rows`` empty rows; a target that verifies no trees has at most one."""
        if self.capability is not Capability.TREE:
            return StateCache(self.model, resumes=not self.reads_whole, rows=rows)
        return TreeCache(self.model.config.get_text_config().num_hidden_layers, rows=rows)

    @torch.inference_mode()
    def prefill(self, tokens: Sequence[int], cache: SessionCache, *, row: int = 0) -> None:
        """Read ``tokens`` after what a row holds already, in chunks, and commit them."""
        step = max(1, len(tokens)) if self.reads_whole else PREFILL_CHUNK
        for start in range(0, len(tokens), step):
            chunk = tokens[start : start + step]
            base = cache.lengths[row]
            self._forward([chunk], [range(base, base + len(chunk))], None, cache, first=row, logits_to_keep=1)
            cache.append(len(chunk), row=row)

    def verify(self, tree: TokenTree, cache: SessionCache) -> TreeLogits:
        """Logits after each node of a tree after row 0, from one forward pass; ``cache.keep`` says what stays."""
        return self.verify_rows([tree], cache)[0]

    @torch.inference_mode()
    def verify_rows(
        self,
        trees: Sequence[TokenTree],
        cache: SessionCache,
        *,
        first: int = 0,
        unread: Sequence[Sequence[int]] | None = None,
    ) -> list[TreeLogits]:
        """Logits after each node of trees of any shapes, one after each row from ``first`` on, in one forward pass.

        ``unread`` are the tokens of each row between what is cached and the root: the forward that verifies the first
        tree of a session also reads the end of its prompt. They are committed here; ``cache.keep_rows`` says what
        stays of the trees. Smaller rows are padded with nodes that see only themselves.
        """
        before = unread if unread is not None else [()] * len(trees)
        bases = cache.lengths[first : first + len(trees)]
        tokens = [[*ids, *tree.tokens] for ids, tree in zip(before, trees, strict=True)]
        positions = [
            [*range(base, base + len(ids)), *(base + len(ids) + depth for depth in tree.depths)]
            for base, ids, tree in zip(bases, before, trees, strict=True)
        ]
        masks = [_following(len(ids), tree.ancestor_mask()) for ids, tree in zip(before, trees, strict=True)]
        width, least = max(map(len, tokens)), min(map(len, before))
        forward = self._forward(tokens, positions, masks, cache, first=first, logits_to_keep=width - least)
        for row, ids in enumerate(before, start=first):
            cache.append(len(ids), row=row)
        return _by_row(forward, trees, [len(ids) - least for ids in before])

    def _forward(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        visible: Sequence[NDArray[np.bool_]] | None,
        cache: SessionCache,
        *,
        first: int,
        logits_to_keep: int = 0,
    ) -> Forward:
        """Logits after the new tokens. ``visible``: which of them see which, row by row; None: those before them."""
        if isinstance(cache, StateCache):
            with capture_hidden_states(self.model, wanted=self.keeps_hidden) as hidden:
                logits_NV = cache.read(tokens[0], logits_to_keep=logits_to_keep)
            return Forward.of(logits_NV[None], hidden)
        assert isinstance(cache, TreeCache)
        rows, nodes, device = len(tokens), max(map(len, tokens)), self.device
        if cache.runner is not None and visible is not None and rows == len(cache.lengths):
            forward = cache.runner(tokens, positions, visible)
            if forward is not None:
                return forward.last(logits_to_keep)
        window = cache.write(nodes, first=first, rows=rows)
        bases_B = to_device(torch.tensor(cache.lengths[first : first + rows]), device)
        positions_BN = to_device(_padded(positions, nodes), device)
        if visible is None:
            visible_BNN = torch.ones((rows, nodes, nodes), dtype=torch.bool, device=device).tril()
        else:
            visible_BNN = to_device(torch.from_numpy(padded_visibility(visible, rows=rows, nodes=nodes)), device)
        masks = attention_masks(self.attention, bases_B, positions_BN, visible_BNN, keys=window.keys, dtype=self.dtype)
        # Nobody asks for the hidden states of a prompt.
        with capture_hidden_states(self.model, wanted=self.keeps_hidden and visible is not None) as hidden:
            output = self.model(
                input_ids=to_device(_padded(tokens, nodes), device),
                position_ids=positions_BN,
                attention_mask=masks,
                use_cache=True,
                logits_to_keep=logits_to_keep,
                **{cache_argument(self.model) or "past_key_values": cache},
            )
        logits = output.logits
        assert isinstance(logits, torch.Tensor)
        return Forward.of(logits, hidden)


def _following(unread: int, mask_NN: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask of a tree that follows ``unread`` tokens that follow one another."""
    if not unread:
        return mask_NN
    size = unread + len(mask_NN)
    whole = np.tri(size, dtype=np.bool_)
    whole[unread:, unread:] = mask_NN
    return whole


def _padded(rows: Sequence[Sequence[int]], width: int) -> torch.Tensor:
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])


def _by_row(forward: Forward, trees: Sequence[TokenTree], starts: Sequence[int]) -> list[TreeLogits]:
    logits_BNV, hidden_BND = forward.logits_BNV, forward.hidden_BND
    likeliest = Likeliest(logits_BNV)
    by_row = []
    for row, (start, tree) in enumerate(zip(starts, trees, strict=True)):
        nodes = slice(start, start + len(tree))
        hidden_ND = None if hidden_BND is None else hidden_BND[row, nodes]
        by_row.append(
            TreeLogits(
                logits_BNV[row, nodes], tree.tokens, likeliest=likeliest, row=row, first=start, hidden_ND=hidden_ND
            )
        )
    return by_row
