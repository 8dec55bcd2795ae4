"""Faults of a target's forwards, each in one place: masks, positions and cached keys that are wrong there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decoding.target import target as target_module
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache

SEEN: Final = "a node sees a wrong one"
HIDDEN: Final = "an ancestor is hidden"
SHIFTED: Final = "a position is one too large"
STALE: Final = "a cached key is another token's"
UNMOVED: Final = "an accepted node is not moved"
FAULTS: Final = (SEEN, HIDDEN, SHIFTED, STALE, UNMOVED)


def spoil(fault: str, place: int, monkeypatch: pytest.MonkeyPatch, *, kind: str | None = None) -> None:
    """Put ``fault`` into every forward over trees, in the place of that number.

    ``kind``: only layers of that kind of attention go wrong; for faults of masks.
    """
    if fault == UNMOVED:
        monkeypatch.setattr(TreeCache, "_move", lambda *_args: None)
        return
    if kind is not None:
        _spoil_masks(fault, place, monkeypatch, kind)
        return
    right = Target._forward

    def wrong(
        self: Target,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        visible: Sequence[NDArray[np.bool_]] | None,
        cache: Any,
        **options: Any,
    ) -> Any:
        if visible is not None:
            if fault == SHIFTED:
                positions = [_shifted(row, place) for row in positions]
            elif fault == STALE:
                _mix_up(cache, place)
            else:
                visible = [_flipped(mask_NN, fault, place) for mask_NN in visible]
        return right(self, tokens, positions, visible, cache, **options)

    monkeypatch.setattr(Target, "_forward", wrong)


def _flipped(mask_NN: NDArray[np.bool_], fault: str, place: int) -> NDArray[np.bool_]:
    ancestors_NN = mask_NN & ~np.eye(len(mask_NN), dtype=np.bool_)
    places = np.argwhere(~mask_NN if fault == SEEN else ancestors_NN).tolist()
    if not places:
        return mask_NN
    node, key = random.Random(f"{place}, {len(mask_NN)}").choice(places)
    wrong_NN = mask_NN.copy()
    wrong_NN[node, key] = fault == SEEN
    return wrong_NN


def _shifted(row: Sequence[int], place: int) -> list[int]:
    node = random.Random(f"{place}, {len(row)}").randrange(len(row))
    return [position + (at == node) for at, position in enumerate(row)]


def _mix_up(cache: TreeCache, place: int) -> None:
    length = min(cache.lengths)
    to, source = random.Random(f"{place}, {length}").sample(range(length), 2)
    for layer in cache._own:
        assert layer.keys is not None
        layer.keys[:, :, to] = layer.keys[:, :, source].clone()


def _spoil_masks(fault: str, place: int, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    right = target_module.attention_masks

    def wrong(*args: Any, **options: Any) -> Any:
        masks = right(*args, **options)
        mask_BNK = masks[kind][:, 0]
        seen_NK = (mask_BNK == 0)[0].cpu().numpy()
        if len(seen_NK) > 1:
            places = np.argwhere(~seen_NK if fault == SEEN else seen_NK).tolist()
            places = [(node, key) for node, key in places if fault == SEEN or seen_NK[node].sum() > 1]
            node, key = random.Random(f"{place}, {len(seen_NK)}").choice(places)
            mask_BNK[:, node, key] = 0 if fault == SEEN else torch.finfo(mask_BNK.dtype).min
        return masks

    monkeypatch.setattr(target_module, "attention_masks", wrong)
