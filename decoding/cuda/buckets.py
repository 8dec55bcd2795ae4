"""Buckets: the fixed shapes of forwards, and their inputs in one block that is sent to the device in one copy.

A smaller forward is padded to its bucket: with rows beyond the live ones and tokens behind a tree, which no live node
sees. Knows neither models nor caches.
B rows, N new tokens a row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.target.masks import padded_visibility
from decoding.target.placement import send

NODES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128)
KEYS_STEP = 256


@dataclass(frozen=True, slots=True)
class Bucket:
    """The shape of a forward: rows, new tokens a row, tokens of the cache that it sees."""

    rows: int
    nodes: int
    keys: int


def bucket_for(rows: int, nodes: int, longest: int, *, room: tuple[int, int]) -> Bucket | None:
    """The least bucket that holds ``nodes`` new tokens behind ``longest`` cached ones; None if there is none.

    Rows are a power of two, keys a power of two or one and a half of it, but no more than the rows and tokens that
    there is ``room`` for. If the tokens do not fit the room, the keys exceed it, and the cache has to grow.
    """
    width = next((size for size in NODES if size >= nodes), None)
    if width is None:
        return None
    steps = (step for power in itertools.count() for step in (KEYS_STEP << power, (KEYS_STEP << power) * 3 // 2))
    keys = next(step for step in steps if step >= longest + width)
    capacity = room[1] if longest + width <= room[1] else keys
    return Bucket(min(power(rows), room[0]), width, min(keys, capacity))


def power(rows: int) -> int:
    """The least power of two that is at least ``rows``."""
    return 1 << max(0, rows - 1).bit_length()


@dataclass(slots=True, eq=False)
class Inputs:
    """All that a forward needs from the host, in one block, which is one copy a step.

    The ids and positions of the new tokens, the number of tokens cached before them, and which of them see which.
    """

    bucket: Bucket
    block: torch.Tensor

    @classmethod
    def empty(cls, bucket: Bucket, device: torch.device) -> Inputs:
        """Room for the inputs of a bucket."""
        tokens = bucket.rows * bucket.nodes
        size = 8 * (2 * tokens + bucket.rows) + tokens * bucket.nodes
        return cls(bucket, torch.zeros(size, dtype=torch.uint8, device=device))

    def parts(self) -> Iterator[torch.Tensor]:
        """ids_BN, positions_BN, bases_B and visible_BNN: views of the block."""
        rows, nodes = self.bucket.rows, self.bucket.nodes
        tokens = rows * nodes
        numbers = self.block[: 8 * (2 * tokens + rows)].view(torch.int64)
        yield numbers[:tokens].view(rows, nodes)
        yield numbers[tokens : 2 * tokens].view(rows, nodes)
        yield numbers[2 * tokens :]
        yield self.block[8 * (2 * tokens + rows) :].view(torch.bool).view(rows, nodes, nodes)

    def fill(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        bases: Sequence[int],
        visible: Sequence[NDArray[np.bool_]],
    ) -> None:
        """Send the inputs of the next forward; padding sees itself and the cached tokens of its row."""
        rows, nodes = self.bucket.rows, self.bucket.nodes
        numbers = np.zeros(2 * rows * nodes + rows, dtype=np.int64)
        ids_BN, positions_BN = numbers[: 2 * rows * nodes].reshape(2, rows, nodes)
        for row, (own, own_positions) in enumerate(zip(tokens, positions, strict=True)):
            ids_BN[row, : len(own)] = own
            positions_BN[row, : len(own)] = own_positions
        numbers[2 * rows * nodes :][: len(bases)] = bases
        visible_BNN = padded_visibility(visible, rows=rows, nodes=nodes)
        block = np.concatenate([numbers.view(np.uint8), visible_BNN.view(np.uint8).ravel()])
        send(torch.from_numpy(block), self.block)
