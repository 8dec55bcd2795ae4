"""One long-lived cache for all rows of a scheduler, in buffers whose addresses do not change.

A CUDA graph holds addresses, so the buffers are made once, for as many rows and tokens as the memory allows, and
``generation`` counts how often they had to be made anew. All layers of one shape share one block, so that moving an
accepted path, or removing a row, is one launch instead of two a layer.
L buffers of one shape, R rows, B rows of one forward, H heads, C tokens of room, D head size, M moves.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import torch

from decoding.target.tree_cache import Runner, TreeCache


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the buffers of one block have in common."""

    heads: int
    head_size: int
    dtype: torch.dtype
    device: torch.device


class PoolCache(TreeCache):
    """A tree cache without live rows at first, with room for ``rows`` of ``tokens``, shaped like ``like``.

    ``like`` must have been written to. Raises torch.OutOfMemoryError where there is no such room.
    """

    @torch.inference_mode()
    def __init__(self, like: TreeCache, *, rows: int, tokens: int) -> None:
        super().__init__(len(like.layers), rows=0)
        self._generation = 0
        self._members: dict[_Shape, list[tuple[int, str]]] = defaultdict(list)
        for number, layer in enumerate(like.layers):
            for name in ("keys", "values"):
                buffer = getattr(layer, name)
                shape = _Shape(buffer.shape[1], buffer.shape[3], buffer.dtype, buffer.device)
                self._members[shape].append((number, name))
        self._blocks: dict[_Shape, torch.Tensor] = {}
        self._resize(rows, tokens)

    @property
    def generation(self) -> int:
        """How often the buffers were made."""
        return self._generation

    @property
    def is_warm(self) -> bool:
        """Whether the last forward took as long as the next one of its shape will."""
        return self._runner is None or self._runner.is_warm

    def run_with(self, runner: Runner) -> None:
        """Let ``runner``, which was made for this cache, compute the forwards over all live rows."""
        self._runner = runner

    def add_empty_row(self) -> int:
        """Add a row without tokens after the live rows; its number."""
        self._lengths.append(0)
        return len(self._lengths) - 1

    @torch.inference_mode()
    def drop_row(self, row: int) -> None:
        """Remove a row; the last live row takes its number."""
        last = len(self._lengths) - 1
        length = self._lengths[last]
        if row != last:
            for block in self._blocks.values():
                block[:, row, :, :length] = block[:, last, :, :length]
            self._lengths[row] = length
        self._lengths.pop()

    def _move(self, rows: slice, to_BM: torch.Tensor, from_BM: torch.Tensor) -> None:
        rows_B1 = torch.arange(to_BM.shape[0], device=to_BM.device)[:, None]
        for block in self._blocks.values():
            rows_LBHCD = block[:, rows]
            rows_LBHCD[:, rows_B1, :, to_BM] = rows_LBHCD[:, rows_B1, :, from_BM]

    def _resize(self, rows: int, capacity: int) -> None:
        """Make blocks of the new size with what the old ones hold. If they do not fit, the old ones stay in place."""
        before, blocks = self._blocks, {}
        for shape, members in self._members.items():
            size = (len(members), rows, shape.heads, capacity, shape.head_size)
            blocks[shape] = torch.zeros(size, dtype=shape.dtype, device=shape.device)
            if shape in before:
                blocks[shape][:, : before[shape].shape[1], :, : before[shape].shape[3]] = before[shape]
        for shape, members in self._members.items():
            for position, (number, name) in enumerate(members):
                self._own[number].adopt(name, blocks[shape][position])
        self._blocks = blocks
        self._rows_allocated, self._capacity = rows, capacity
        self._generation += 1
