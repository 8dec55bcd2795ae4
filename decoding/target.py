"""The target: an unmodified Hugging Face causal LM that prefills a prompt and verifies a token tree in one forward.

Everything that touches transformers' forward pass stands here, in ``cache.py`` and in ``loading.py``. A tree is laid
out behind the cached tokens; a 4-D float mask lets each node see the cached tokens and its own ancestors, and its
position is that of its depth. N tree nodes, P cached tokens, C chunk, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from decoding import loading
from decoding.cache import TreeCache
from decoding.interfaces import Sampling
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
        target = cls(
            model=model,
            name=name,
            vocab_size=facts.vocab_size,
            context_length=facts.context_length,
            eos_ids=facts.eos_ids,
            generation_defaults=facts.sampling,
        )
        loading.self_check(target)
        return target

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
        """Cache ``tokens`` behind what is cached already, in chunks; False if ``cancelled`` said so in between."""
        for start in range(0, len(tokens), PREFILL_CHUNK):
            if cancelled():
                return False
            chunk = tokens[start : start + PREFILL_CHUNK]
            causal_CC = torch.ones(len(chunk), len(chunk), dtype=torch.bool).tril()
            self._forward(chunk, range(cache.length, cache.length + len(chunk)), causal_CC, cache, logits_to_keep=1)
            if progress is not None:
                progress(start + len(chunk), len(tokens))
        return True

    @torch.inference_mode()
    def verify(self, tree: TokenTree, cache: TreeCache) -> NDArray[np.floating]:
        """(N, V) writable logits after each node in host memory, at least float32, from one forward pass.

        The cache then holds all N nodes behind its P tokens.
        """
        base = cache.length
        positions = [base + depth for depth in tree.depths]
        mask_NN = None if len(tree) == 1 else torch.from_numpy(tree.ancestor_mask())
        logits_NV = self._forward(tree.tokens, positions, mask_NN, cache)
        wide_NV = logits_NV if logits_NV.dtype is torch.float64 else logits_NV.float()
        return wide_NV.cpu().numpy()

    def _forward(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        visible_NN: torch.Tensor | None,
        cache: TreeCache,
        logits_to_keep: int = 0,
    ) -> torch.Tensor:
        device, size = self.device, len(tokens)
        mask_NK = torch.zeros(size, cache.length + size, dtype=self.dtype)
        if visible_NN is not None:
            # A float mask: boolean ones are silently misread by eager attention.
            mask_NK[:, cache.length :].masked_fill_(~visible_NN, torch.finfo(self.dtype).min)
        output = self.model(
            input_ids=torch.tensor([list(tokens)], device=device),
            position_ids=torch.tensor([list(positions)], device=device),
            attention_mask=mask_NK[None, None].to(device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=logits_to_keep,
        )
        logits = output.logits
        assert isinstance(logits, torch.Tensor)
        return logits[0]
