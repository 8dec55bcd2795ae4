"""Which cached tokens each tree node may see, as the additive 4-D masks that unmodified models take.

A node sees its row's committed tokens and its own ancestors; in a layer with a sliding window only those less than
a window behind it. The cache keeps all tokens, so a tree can be rolled back in such layers too.
B rows, N new tokens a row, K keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

_FULL, _SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Attention:
    """The kinds of attention of a model's layers. ``window``: tokens that a sliding layer sees, its own included.

    ``by_kind``: the model takes a mask for each kind, by name; otherwise one mask serves all its layers. ``limit``:
    how many tokens a context may have for these masks to be the model's own, if fewer than it was made for.
    """

    kinds: frozenset[str] = frozenset({_FULL})
    window: int | None = None
    by_kind: bool = False
    limit: int | None = None


FULL_ATTENTION = Attention()


def attention_masks(
    attention: Attention,
    bases: Sequence[int],
    positions: Sequence[Sequence[int]],
    visible: Sequence[NDArray[np.bool_]],
    *,
    keys: int,
    dtype: torch.dtype,
) -> torch.Tensor | dict[str, torch.Tensor]:
    """(B, 1, N, K) float masks: 0 where a node may look, the type's minimum elsewhere.

    Row b has ``bases[b]`` committed tokens and then its new ones at ``positions[b]``; ``visible[b]`` says which of
    these see which. Padding sees only itself. A boolean mask would be silently misread by eager attention.
    """
    nodes = max(map(len, positions))
    seen_BNK = np.zeros((len(bases), nodes, keys), dtype=np.bool_)
    for row, (base, visible_NN) in enumerate(zip(bases, visible, strict=True)):
        size = len(visible_NN)
        seen_BNK[row, :size, :base] = True
        seen_BNK[row, :size, base : base + size] = visible_NN
        for pad in range(size, nodes):
            seen_BNK[row, pad, base + pad] = True
    masks = {}
    for kind in attention.kinds if attention.by_kind else sorted(attention.kinds)[-1:]:
        kept_BNK = seen_BNK
        if kind == _SLIDING and attention.window is not None:
            kept_BNK = seen_BNK & _near(bases, positions, keys=keys, window=attention.window)
        mask_BNK = torch.zeros(kept_BNK.shape, dtype=dtype)
        mask_BNK.masked_fill_(torch.from_numpy(~kept_BNK), torch.finfo(dtype).min)
        masks[kind] = mask_BNK[:, None]
    return masks if attention.by_kind else next(iter(masks.values()))


def _near(bases: Sequence[int], positions: Sequence[Sequence[int]], *, keys: int, window: int) -> NDArray[np.bool_]:
    """(B, N, K): the key is less than ``window`` positions behind the node. Padding counts as near everything."""
    nodes = max(map(len, positions))
    near_BNK = np.ones((len(bases), nodes, keys), dtype=np.bool_)
    for row, (base, own) in enumerate(zip(bases, positions, strict=True)):
        key_K = np.arange(keys)
        key_K[base : base + len(own)] = own
        near_BNK[row, : len(own)] = np.asarray(own)[:, None] - key_K[None, :] < window
    return near_BNK
