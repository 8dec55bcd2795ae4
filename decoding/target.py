"""The target: an unmodified Hugging Face causal LM that prefills a prompt and verifies a token tree in one forward.

Everything that touches transformers' forward pass stands here, in ``cache.py`` and in ``loading.py``. A tree is laid
out behind the cached tokens; a 4-D float mask lets each node see the cached tokens and its own ancestors, and its
position is that of its depth. N tree nodes, P cached tokens, C chunk, V vocabulary.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from decoding import loading
from decoding.cache import TreeCache
from decoding.errors import UnsupportedModel
from decoding.interfaces import Sampling
from decoding.logits import TreeLogits
from decoding.masks import FULL_ATTENTION, Attention, attention_masks
from decoding.tree import TokenTree

PREFILL_CHUNK = 512


@dataclass(slots=True)
class Target:
    """A loaded model with what its configuration says. ``context_length`` is where exactness ends, too."""

    model: Any
    name: str
    vocab_size: int
    context_length: int
    eos_ids: frozenset[int]
    generation_defaults: Sampling
    attention: Attention = FULL_ATTENTION
    max_rows: int = 2**16

    @classmethod
    def from_pretrained(
        cls,
        name: str,
        *,
        dtype: str = "float32",
        device: str = "auto",
        trust_remote_code: bool = False,
        **hf_options: Any,
    ) -> Target:
        """Load a causal LM by path or name; further options go to transformers' ``from_pretrained`` as they are.

        Raises ModelNotFound, ModelTooLarge, UnsupportedModel.
        """
        model = loading.load(name, dtype=dtype, device=device, trust_remote_code=trust_remote_code, **hf_options)
        return cls.of(model, name=name)

    @classmethod
    def of(cls, model: Any, *, name: str = "model") -> Target:
        """Wrap a model that is already loaded. Raises UnsupportedModel if the self-check finds it inexact."""
        model.eval()
        facts = loading.facts(model)
        *others, last = [
            cls(
                model=model,
                name=name,
                vocab_size=facts.vocab_size,
                context_length=min(facts.context_length, attention.limit or facts.context_length),
                eos_ids=facts.eos_ids,
                generation_defaults=facts.sampling,
                attention=attention,
            )
            for attention in facts.attentions
        ]
        for target in others:
            with contextlib.suppress(UnsupportedModel):
                loading.self_check(target)
                return target
        loading.self_check(last)
        return last

    @property
    def device(self) -> torch.device:
        """Where input ids go."""
        device = self.model.device
        assert isinstance(device, torch.device)
        return device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' type, which is also the mask's."""
        dtype = self.model.dtype
        assert isinstance(dtype, torch.dtype)
        return dtype

    def new_cache(self) -> TreeCache:
        """An empty cache for one session."""
        return TreeCache(self.model.config.get_text_config().num_hidden_layers)

    @torch.inference_mode()
    def prefill(
        self,
        tokens: Sequence[int],
        cache: TreeCache,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] | None = None,
    ) -> bool:
        """Cache ``tokens`` behind what row 0 holds already, in chunks; False if ``cancelled`` said so in between."""
        for start in range(0, len(tokens), PREFILL_CHUNK):
            if cancelled():
                return False
            chunk = tokens[start : start + PREFILL_CHUNK]
            positions = range(cache.length, cache.length + len(chunk))
            causal_CC = np.tri(len(chunk), dtype=np.bool_)
            self._forward([chunk], [positions], [causal_CC], cache, first=0, logits_to_keep=1)
            cache.append(len(chunk))
            if progress is not None:
                progress(start + len(chunk), len(tokens))
        return True

    def verify(self, tree: TokenTree, cache: TreeCache) -> TreeLogits:
        """Logits after each node of a tree behind row 0, from one forward pass; ``cache.keep`` says what stays."""
        return self.verify_rows([tree], cache)[0]

    @torch.inference_mode()
    def verify_rows(self, trees: Sequence[TokenTree], cache: TreeCache, *, first: int = 0) -> list[TreeLogits]:
        """Logits after each node of trees of any shapes, one behind each row from ``first`` on, in one forward pass.

        Smaller trees are padded with nodes that see only themselves. ``cache.keep_rows`` says what stays.
        """
        bases = cache.lengths[first : first + len(trees)]
        positions = [[base + depth for depth in tree.depths] for tree, base in zip(trees, bases, strict=True)]
        masks = [tree.ancestor_mask() for tree in trees]
        logits_BNV = self._forward([tree.tokens for tree in trees], positions, masks, cache, first=first)
        return [TreeLogits(logits_BNV[row, : len(tree)], tree.tokens) for row, tree in enumerate(trees)]

    def _forward(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        visible: Sequence[NDArray[np.bool_]],
        cache: TreeCache,
        *,
        first: int,
        logits_to_keep: int = 0,
    ) -> torch.Tensor:
        """(B, N, V) logits; ``visible`` says for each row which of its new tokens see which."""
        nodes, device = max(map(len, tokens)), self.device
        window = cache.write(nodes, first=first, rows=len(tokens))
        bases = cache.lengths[first : first + len(tokens)]
        mask = attention_masks(self.attention, bases, positions, visible, keys=window.keys, dtype=self.dtype)
        output = self.model(
            input_ids=_padded(tokens, nodes).to(device),
            position_ids=_padded(positions, nodes).to(device),
            attention_mask=mask.to(device) if isinstance(mask, torch.Tensor) else _each_to(mask, device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=logits_to_keep,
        )
        logits = output.logits
        assert isinstance(logits, torch.Tensor)
        return logits


def _padded(rows: Sequence[Sequence[int]], width: int) -> torch.Tensor:
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])


def _each_to(masks: Mapping[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    return {name: mask.to(device) for name, mask in masks.items()}
