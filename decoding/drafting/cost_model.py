"""T(n): how many seconds a target forward over n tree nodes takes on this machine.

Measured at a few sizes when a target is opened, then refined while running. Knows nothing of what is drafted.
K measured sizes, N sizes asked for.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoding.cuda.graphs import CudaGraphs
from decoding.target.capability import Capability
from decoding.target.session_cache import SessionCache
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree

SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128)
"""Nodes of the forwards that are measured."""
# Tokens in the cache while forwards are measured.
_CONTEXT: Final = 256
# Rounds over all sizes at most, after the first one, which warms up.
_ROUNDS: Final = 5
# The rounds end once none improved the time of any size by more than this part of it.
_SETTLED: Final = 0.05
# How far T moves towards one forward's time: 0 not at all, 1 all the way.
_SHARE: Final = 0.15


@dataclass(slots=True)
class CostModel:
    """``by_size`` maps nodes of a forward to its seconds; empty: every forward takes as long, and nodes are free.

    ``adapts``: whether T follows the machine.
    """

    by_size: dict[int, float] = field(default_factory=dict)
    adapts: bool = True

    @classmethod
    def measured(cls, target: Target, *, most_nodes: int, graphs: CudaGraphs | None = None) -> CostModel:
        """Time forwards of growing size on ``target``, as ``graphs`` runs them, about two seconds at most."""
        most = max(2, 2 * most_nodes) if target.capability is not Capability.PLAIN else 1
        return cls(measure(target, [size for size in SIZES if size <= most], graphs=graphs))

    @property
    def is_free(self) -> bool:
        """Whether a node more costs nothing, as in benches that count steps instead of time."""
        return not self.by_size

    def seconds(self, size: int) -> float:
        """T(size), between measured sizes and beyond them on the straight line; 1 where nodes are free."""
        return float(self.seconds_of(np.array([size], dtype=np.float64))[0])

    def seconds_of(self, sizes_N: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N) T of each size."""
        costs = self.by_size or {1: 1.0}
        known_K = np.array(sorted(costs), dtype=np.float64)
        costs_K = np.array([costs[size] for size in sorted(costs)])
        seconds_N: NDArray[np.float64] = np.interp(sizes_N, known_K, costs_K)
        if known_K.size > 1:
            slope = (costs_K[-1] - costs_K[-2]) / (known_K[-1] - known_K[-2])
            seconds_N += slope * np.maximum(sizes_N - known_K[-1], 0.0)
        return seconds_N

    def cheapest_node(self) -> float:
        """The least share of a one-node forward that a node more costs, over all sizes; 0 where nodes are free."""
        if self.is_free:
            return 0.0
        one_s = self.seconds(1)
        return min(((cost / one_s - 1) / (size - 1) for size, cost in self.by_size.items() if size > 1), default=0.0)

    def refine(self, size: int, seconds: float) -> None:
        """Move T towards what a forward of ``size`` nodes just took.

        A surprise at one node is the machine's and moves every size; one at more nodes moves all but the first.
        """
        if self.is_free or not self.adapts:
            return
        # A stall of the machine is not the cost of a forward.
        surprise = min(max(seconds / self.seconds(size), 0.25), 2.0) - 1
        for known in self.by_size:
            if size == 1 or known > 1:
                self.by_size[known] *= 1 + _SHARE * surprise

    def copy(self) -> CostModel:
        """The same T, which then goes its own way."""
        return CostModel(dict(self.by_size), self.adapts)


def measure(
    target: Target, sizes: Sequence[int], *, graphs: CudaGraphs | None = None, time_limit_s: float = 2.0
) -> dict[int, float]:
    """Seconds of a forward over each of ``sizes`` nodes after a short context; never falling with size.

    The least of some rounds over all sizes: on a busy machine other programs can only add time. At least two rounds are
    whole unless ``time_limit_s`` is over; then a round in which nothing was faster than before is the last one.
    """
    cache = _one_row(target, graphs if graphs is not None else CudaGraphs(target))
    context = min(_CONTEXT, target.context_length // 2)
    target.prefill([token % target.vocab_size for token in range(context)], cache)
    fitting = [size for size in sizes if context + size <= target.context_length]
    costs = dict.fromkeys(fitting, math.inf)
    started = time.perf_counter()
    for done in range(_ROUNDS + 1):
        before = dict(costs)
        for size in fitting:
            costs[size] = min(costs[size], _forward_s(target, cache, size))
            if done and time.perf_counter() - started > time_limit_s:
                return _monotone(costs)
        if done > 1 and all(costs[size] > (1 - _SETTLED) * before[size] for size in fitting):
            break
    return _monotone(costs)


def _one_row(target: Target, graphs: CudaGraphs) -> SessionCache:
    """An empty row, in fixed shapes where the scheduler uses them."""
    pool = graphs.pool(1)
    if pool is None:
        return target.new_cache()
    pool.add_empty_row()
    return pool


def _forward_s(target: Target, cache: SessionCache, size: int) -> float:
    tree = TokenTree.of(1 % target.vocab_size)
    ids = tuple(node % target.vocab_size for node in range(1, size))
    tree.graft("measure", DraftTree.chain(ids, 1.0), max_depth=size)
    started = time.perf_counter()
    target.verify(tree, cache).greedy(0)  # Waits for the device.
    return time.perf_counter() - started


def _monotone(costs: Mapping[int, float]) -> dict[int, float]:
    """No size costs more than a larger one: what was measured above that can only be noise."""
    falling = sorted(costs, reverse=True)
    least = itertools.accumulate((costs[size] for size in falling), min)
    return dict(sorted(zip(falling, least, strict=True)))
