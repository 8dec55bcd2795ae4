"""Which cached tokens each tree node may see, as the additive 4-D masks that unmodified models take.

A node sees its row's committed tokens and its own ancestors; in a layer with a sliding window only those less than
a window before it. The cache keeps all tokens, so a tree can be rolled back in such layers too. Only lengths,
positions and ancestors come from the host; the masks are made on the model's device.
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

    ``by_kind``: the model takes a mask for each kind, by name; otherwise one mask serves all its layers. ``limit``: up
    to how many tokens of context these masks are the model's own, if fewer than it was made for.
    """

    kinds: frozenset[str] = frozenset({_FULL})
    window: int | None = None
    by_kind: bool = False
    limit: int | None = None


FULL_ATTENTION = Attention()


def attention_masks(
    attention: Attention,
    bases_B: torch.Tensor,
    positions_BN: torch.Tensor,
    visible_BNN: torch.Tensor,
    *,
    keys: int,
    dtype: torch.dtype,
) -> torch.Tensor | dict[str, torch.Tensor]:
    """(B, 1, N, K) float masks where ``bases_B`` is: 0 where a node may look, the type's minimum elsewhere.

    Row b has ``bases_B[b]`` committed tokens and then its new ones at ``positions_BN[b]``; ``visible_BNN[b]`` says
    which of these see which (padding sees itself). Shapes alone decide what is launched, so that a CUDA graph can
    record it. Eager attention would silently misread a boolean mask.
    """
    nodes, key_K = positions_BN.shape[1], torch.arange(keys, device=bases_B.device)
    place_BK = key_K - bases_B[:, None]  # Which new token has that key; below 0 and from N on there is none.
    node_BK = place_BK.clamp(0, nodes - 1)
    own_BNK = visible_BNN.gather(2, node_BK[:, None].expand(-1, nodes, -1))
    seen_BNK = own_BNK & (place_BK < nodes)[:, None] | (place_BK < 0)[:, None]
    masks = {}
    for kind in attention.kinds if attention.by_kind else sorted(attention.kinds)[-1:]:
        kept_BNK = seen_BNK
        if kind == _SLIDING and attention.window is not None:
            key_BK = torch.where(place_BK < 0, key_K, positions_BN.gather(1, node_BK))
            kept_BNK = seen_BNK & (positions_BN[:, :, None] - key_BK[:, None] < attention.window)
        mask_BNK = torch.zeros(kept_BNK.shape, dtype=dtype, device=bases_B.device)
        masks[kind] = mask_BNK.masked_fill_(~kept_BNK, torch.finfo(dtype).min)[:, None]
    return masks if attention.by_kind else next(iter(masks.values()))


def padded_visibility(visible: Sequence[NDArray[np.bool_]], *, rows: int, nodes: int) -> NDArray[np.bool_]:
    """(rows, nodes, nodes): which new tokens of a row see which; padding sees itself."""
    padded_BNN = np.zeros((rows, nodes, nodes), dtype=np.bool_)
    padded_BNN[:, range(nodes), range(nodes)] = True
    for row, visible_NN in enumerate(visible):
        size = len(visible_NN)
        padded_BNN[row, :size, :size] = visible_NN
    return padded_BNN
