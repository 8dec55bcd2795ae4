"""Grouped-query attention without copies: the query heads that share a key head become rows of one query.

Transformers repeats the keys and values of grouped heads before a masked attention: eight gigabytes a step for
sixteen long rows of an 8B model. Here a group of G heads with N queries is one head with G x N queries, which gives
the same sums. It replaces a model's attention for one forward, through transformers' own register.
B rows, H query heads, S key heads, N queries, K keys, D head size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

_NAME = "spandraft_shared_heads"
_UNDERSTOOD = frozenset({"is_causal", "sliding_window", "position_ids", "use_cache", "cache_position"})


@contextlib.contextmanager
def grouped_attention(model: Any) -> Iterator[None]:
    """For the time of a forward, a model that uses PyTorch's attention uses this one; any other keeps its own."""
    config = model.config.get_text_config()
    before = config._attn_implementation
    if before != "sdpa":
        yield
        return
    AttentionInterface.register(_NAME, attend)
    config._attn_implementation = _NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def attend(
    module: torch.nn.Module,
    query_BHND: torch.Tensor,
    key_BSKD: torch.Tensor,
    value_BSKD: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """(B, N, H, D) sums of values. Options that it does not know go to transformers' own function."""
    rows, heads, queries, _ = query_BHND.shape
    shared = key_BSKD.shape[1]
    unknown = {name for name, value in options.items() if value is not None and value is not False} - _UNDERSTOOD
    if attention_mask is None or attention_mask.shape[1] != 1 or heads == shared or dropout or unknown:
        output: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query_BHND, key_BSKD, value_BSKD, attention_mask, dropout=dropout, scaling=scaling, **options
        )
        return output
    group = heads // shared
    mask = attention_mask[:, :, None].expand(-1, -1, group, -1, -1).flatten(2, 3)
    summed = scaled_dot_product_attention(
        query_BHND.reshape(rows, shared, group * queries, -1), key_BSKD, value_BSKD, attn_mask=mask, scale=scaling
    )
    return summed.reshape(rows, heads, queries, -1).transpose(1, 2).contiguous(), None
