"""Which drafted nodes pay for themselves: T(n), the time of a forward over n nodes, against expected tokens.

T(n) is measured on this machine at a few sizes and refined while running. Nodes enter in order of path
probability; the tree is cut where expected tokens per second are highest. With flat T (a large GPU) trees grow,
on a CPU they shrink to what is likely; with nothing likely this is plain decoding.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.cuda.graphs import pool_for
from decoding.target.capability import SessionCache, Verification
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree

LIMIT = 96
"""Nodes of a tree at most where what is verified is what pays: room for a quoted sentence and its rivals."""
_FREE_LIMIT = 32

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_CONTEXT = 256
_ROUNDS = 5
_REFINE = 0.15
_PROBE_EVERY = 16
_PROBE_NODES = 4


@dataclass(slots=True)
class Budget:
    """``cost_s`` maps forward sizes to seconds (None: every node up to ``limit`` is free).

    ``steps`` counts the steps in which drafts did not seem to pay.
    """

    limit: int = _FREE_LIMIT
    cost_s: dict[int, float] | None = None
    steps: int = 0

    @classmethod
    def measured(cls, target: Target, limit: int = LIMIT) -> Budget:
        """Time forwards of growing size on ``target``, about two seconds at most."""
        most = max(2, 2 * limit) if target.verification is not Verification.PLAIN else 1
        return cls(limit, measure(target, [size for size in SIZES if size <= most]))

    def cut(self, trees: Sequence[TokenTree], *, unread: Sequence[int] | None = None) -> list[TokenTree]:
        """The sub-trees worth verifying together in one forward, a row each, behind ``unread`` tokens of the rows.

        Rows are padded to the longest, so all get the same room: the size that maximises expected tokens over time.
        """
        ranked = [tree.ranked()[: self.limit] for tree in trees]
        chances = [[tree.probabilities[node] for node in nodes] for tree, nodes in zip(trees, ranked, strict=True)]
        size = self.best_size(chances, unread=unread)
        if size == 0 and any(ranked) and self.cost_s is not None and self._is_probe():
            size = _PROBE_NODES
        return [tree.pruned(nodes[:size]) for tree, nodes in zip(trees, ranked, strict=True)]

    def best_size(self, chances: Sequence[Sequence[float]], *, unread: Sequence[int] | None = None) -> int:
        """How many nodes each row may take, given the falling path probabilities of every row."""
        longest = max(map(len, chances), default=0)
        if self.cost_s is None or not longest:
            return longest
        sizes_N = np.arange(longest + 1)
        expected_N, widths_N = np.full(longest + 1, float(len(chances))), np.ones(longest + 1)
        for row, before in zip(chances, unread if unread is not None else [0] * len(chances), strict=True):
            expected_N[1:] += np.pad(np.cumsum(row), (0, longest - len(row)), mode="edge") if row else 0.0
            np.maximum(widths_N, before + 1 + np.minimum(sizes_N, len(row)), out=widths_N)
        rate_N = expected_N / self._seconds(len(chances) * widths_N)
        return longest - int(rate_N[::-1].argmax())  # The largest of equals.

    def seconds(self, size: int) -> float:
        """T(size), between measured sizes and beyond them on the straight line."""
        return float(self._seconds(np.array([size], dtype=np.float64))[0])

    def _seconds(self, sizes_N: NDArray[np.float64]) -> NDArray[np.float64]:
        costs = self.cost_s or {1: 1.0}
        known_K = np.array(sorted(costs), dtype=np.float64)
        costs_K = np.array([costs[size] for size in sorted(costs)])
        found_N: NDArray[np.float64] = np.interp(sizes_N, known_K, costs_K)
        if known_K.size > 1:
            slope = (costs_K[-1] - costs_K[-2]) / (known_K[-1] - known_K[-2])
            found_N += slope * np.maximum(sizes_N - known_K[-1], 0.0)
        return found_N

    def least_chance(self) -> float:
        """Path probability below which a node is hardly worth drafting: half of what a row of such nodes would have to
        have for some size of tree to pay. 0 where nodes are free.
        """
        if self.cost_s is None:
            return 0.0
        one_s = self.seconds(1)
        slopes = [(cost / one_s - 1) / (size - 1) for size, cost in self.cost_s.items() if size > 1]
        return max(0.5 * min(slopes, default=0.0), 0.0)

    def refine(self, size: int, seconds: float) -> None:
        """Move T towards what a forward of ``size`` nodes just took.

        A surprise at one node is the machine's and moves every size; one at more nodes moves all but the first.
        """
        if self.cost_s is None:
            return
        # A stall of the machine is not the cost of a forward.
        surprise = min(max(seconds / self.seconds(size), 0.25), 2.0) - 1
        for known in self.cost_s:
            if size == 1 or known > 1:
                self.cost_s[known] *= 1 + _REFINE * surprise

    def _is_probe(self) -> bool:
        """Now and then a tree is verified although it does not seem to pay: T may be out of date."""
        self.steps += 1
        return self.steps % _PROBE_EVERY == 0


def measure(target: Target, sizes: Sequence[int], *, time_limit_s: float = 2.0) -> dict[int, float]:
    """Seconds of a forward over each of ``sizes`` nodes behind a short context; never falling with size.

    The least of some rounds over all sizes: on a busy machine other programs can only add time. At least one round
    is whole; then it ends at ``time_limit_s``.
    """
    cache = _one_row(target)
    context = min(_CONTEXT, target.context_length // 2)
    target.prefill([token % target.vocab_size for token in range(context)], cache)
    fitting = [size for size in sizes if context + size <= target.context_length]
    costs = dict.fromkeys(fitting, math.inf)
    started = time.perf_counter()
    for done in range(_ROUNDS + 1):
        for size in fitting:
            costs[size] = min(costs[size], _forward_s(target, cache, size))
            if done and time.perf_counter() - started > time_limit_s:
                return _monotone(costs)
    return _monotone(costs)


def _one_row(target: Target) -> SessionCache:
    """An empty row, in fixed shapes where the batch uses them."""
    pool = pool_for(target, 1)
    if pool is None:
        return target.new_cache()
    pool.lengths.append(0)
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
