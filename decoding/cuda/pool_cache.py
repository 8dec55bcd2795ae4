"""The pool: one long-lived cache for all rows of a batch, in buffers that stay where they are.

A CUDA graph holds addresses, so the buffers are made once, for as many rows and tokens as the memory allows, and
``generation`` counts the times they had to be made anew. All layers of one shape share one block, so that an accepted
path moves, and a row leaves, with one launch instead of two a layer.
L buffers of one shape, R rows, B rows of one forward, H heads, C tokens of room, D head size, M moves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import torch

from decoding.target.tree_cache import TreeCache


@dataclass(frozen=True, slots=True)
class _Shape:
    """What buffers of one block have in common."""

    heads: int
    head_size: int
    dtype: torch.dtype
    device: torch.device


class PoolCache(TreeCache):
    """A tree cache without live rows at first, with room for ``rows`` of ``tokens``, shaped like ``like``.

    ``like`` must have been written to. ``is_warm`` says whether the last forward took as long as the next like it will.
    Raises torch.OutOfMemoryError where there is no such room.
    """

    @torch.inference_mode()
    def __init__(self, like: TreeCache, *, rows: int, tokens: int) -> None:
        super().__init__(len(like.layers), rows=0)
        self.generation = 0
        self.is_warm = True
        self._members: dict[_Shape, list[tuple[int, str]]] = defaultdict(list)
        for number, layer in enumerate(like.layers):
            for name in ("keys", "values"):
                buffer = getattr(layer, name)
                shape = _Shape(buffer.shape[1], buffer.shape[3], buffer.dtype, buffer.device)
                self._members[shape].append((number, name))
        self._blocks: dict[_Shape, torch.Tensor] = {}
        self._resize(rows, tokens)

    @torch.inference_mode()
    def drop_row(self, row: int) -> None:
        """Give a row up; the last live row takes its place."""
        last = len(self.lengths) - 1
        length = self.lengths[last]
        if row != last:
            for block in self._blocks.values():
                block[:, row, :, :length] = block[:, last, :, :length]
            self.lengths[row] = length
        self.lengths.pop()

    def _move(self, rows: slice, to_BM: torch.Tensor, from_BM: torch.Tensor) -> None:
        rows_B1 = torch.arange(to_BM.shape[0], device=to_BM.device)[:, None]
        for block in self._blocks.values():
            standing = block[:, rows]
            standing[:, rows_B1, :, to_BM] = standing[:, rows_B1, :, from_BM]

    def _resize(self, rows: int, capacity: int) -> None:
        """Blocks of the new size with what the old ones hold. What did not fit leaves the old ones in place."""
        before, blocks = self._blocks, {}
        for shape, members in self._members.items():
            size = (len(members), rows, shape.heads, capacity, shape.head_size)
            blocks[shape] = torch.zeros(size, dtype=shape.dtype, device=shape.device)
            if shape in before:
                blocks[shape][:, : before[shape].shape[1], :, : before[shape].shape[3]] = before[shape]
        for shape, members in self._members.items():
            for place, (number, name) in enumerate(members):
                self._own[number].adopt(name, blocks[shape][place])
        self._blocks = blocks
        self._rows_allocated, self._capacity = rows, capacity
        self.generation += 1
