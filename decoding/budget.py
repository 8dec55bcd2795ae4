"""Which drafted nodes pay for themselves: T(n), the time of a forward over n nodes, against expected tokens.

T(n) is measured on this machine at a few sizes and refined while running. Nodes enter in order of path
probability; the tree is cut where expected tokens per second are highest. With flat T (a large GPU) trees grow,
on a CPU they shrink to what is likely; with nothing likely this is plain decoding.
"""

from __future__ import annotations

import bisect
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from decoding.graphs import pool_for
from decoding.interfaces import NO_ORIGIN, Draft
from decoding.target import Target
from decoding.tree import TokenTree
from decoding.verification import SessionCache, Verification

SIZES = (1, 2, 4, 8, 16, 32, 64)
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

    limit: int = 32
    cost_s: dict[int, float] | None = None
    steps: int = 0

    @classmethod
    def measured(cls, target: Target, limit: int = 32) -> Budget:
        """Time forwards of growing size on ``target``, about two seconds at most."""
        most = max(2, 2 * limit) if target.verification is not Verification.PLAIN else 1
        return cls(limit, measure(target, [size for size in SIZES if size <= most]))

    def cut(self, trees: Sequence[TokenTree]) -> list[TokenTree]:
        """The sub-trees worth verifying together in one forward, a row each.

        Rows are padded to the largest, so all get the same room: the size that maximises expected tokens over time.
        """
        ranked = [tree.ranked()[: self.limit] for tree in trees]
        chances = [[tree.probabilities[node] for node in nodes] for tree, nodes in zip(trees, ranked, strict=True)]
        size = self.best_size(chances)
        if size == 0 and any(ranked) and self.cost_s is not None and self._is_probe():
            size = _PROBE_NODES
        return [tree.pruned(nodes[:size]) for tree, nodes in zip(trees, ranked, strict=True)]

    def best_size(self, chances: Sequence[Sequence[float]]) -> int:
        """How many nodes each row may take, given the falling path probabilities of every row."""
        longest = max(map(len, chances), default=0)
        if self.cost_s is None or not longest:
            return longest
        rows, expected = len(chances), float(len(chances))
        best_n, best_rate = 0, expected / self.seconds(rows)
        for n in range(1, longest + 1):
            expected += sum(row[n - 1] for row in chances if len(row) >= n)
            rate = expected / self.seconds(rows * (n + 1))
            if rate >= best_rate:
                best_n, best_rate = n, rate
        return best_n

    def seconds(self, size: int) -> float:
        """T(size), between measured sizes and beyond them on the straight line."""
        costs = self.cost_s or {1: 1.0}
        if size in costs:
            return costs[size]
        known = sorted(costs)
        if len(known) < 2 or size < known[0]:
            return costs[known[0]]
        at = min(bisect.bisect(known, size), len(known) - 1)
        below, above = known[at - 1], known[at]
        share = (size - below) / (above - below)
        return costs[below] + share * (costs[above] - costs[below])

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
    tree.add("measure", Draft(ids, (1.0,) * len(ids), (NO_ORIGIN,) * len(ids)), max_depth=size)
    started = time.perf_counter()
    target.verify(tree, cache).greedy(0)  # Waits for the device.
    return time.perf_counter() - started


def _monotone(costs: Mapping[int, float]) -> dict[int, float]:
    """No size costs more than a larger one: what was measured above that can only be noise."""
    falling = sorted(costs, reverse=True)
    least = itertools.accumulate((costs[size] for size in falling), min)
    return dict(sorted(zip(falling, least, strict=True)))
