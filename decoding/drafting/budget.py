"""Which drafted nodes pay for themselves: expected tokens against T(n), the time of a forward over n nodes.

Nodes enter in order of path probability; the tree is cut where expected tokens per second are highest. With flat T (a
large GPU) trees grow, on a CPU they shrink to what is likely; with nothing likely this is plain decoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from decoding.cuda.graphs import CudaGraphs
from decoding.drafting.cost_model import CostModel
from decoding.target.target import Target
from decoding.tree import TokenTree

LIMIT: Final = 96
"""The most nodes of a tree where its size is chosen by measured costs: enough for a whole quoted sentence and the
alternatives beside it."""
# The most nodes where no limit is given, as in a budget without costs.
_FREE_LIMIT: Final = 32
# Of the steps in which no draft seems to pay, every 16th verifies a tree all the same, of so many nodes.
_PROBE_EVERY: Final = 16
_PROBE_NODES: Final = 4


@dataclass(slots=True)
class Budget:
    """At most ``limit`` nodes a tree, and no more than pay by ``costs``.

    ``unpaid_steps`` counts the steps in which drafts did not seem to pay.
    """

    limit: int = _FREE_LIMIT
    costs: CostModel = field(default_factory=CostModel)
    unpaid_steps: int = 0

    @classmethod
    def measured(cls, target: Target, limit: int = LIMIT, *, graphs: CudaGraphs | None = None) -> Budget:
        """A budget with the costs of ``target`` on this machine, as ``graphs`` runs it; about two seconds at most."""
        return cls(limit, CostModel.measured(target, most_nodes=limit, graphs=graphs))

    def cut(self, trees: Sequence[TokenTree], *, unread: Sequence[int] | None = None) -> list[TokenTree]:
        """The sub-trees worth verifying together in one forward, a row each, after ``unread`` tokens of the rows.

        Rows are padded to the longest, so all get the same room: the size that maximises expected tokens over time.
        """
        ranked = [tree.ranked()[: self.limit] for tree in trees]
        probabilities = [
            [tree.probabilities[node] for node in nodes] for tree, nodes in zip(trees, ranked, strict=True)
        ]
        size = self.best_size(probabilities, unread=unread)
        if size == 0 and any(ranked) and not self.costs.is_free and self._is_probe():
            size = _PROBE_NODES
        return [tree.pruned(nodes[:size]) for tree, nodes in zip(trees, ranked, strict=True)]

    def best_size(self, probabilities: Sequence[Sequence[float]], *, unread: Sequence[int] | None = None) -> int:
        """How many drafted nodes each row may take: the number that maximises expected tokens over time.

        ``probabilities`` are the path probabilities of the nodes of every row, falling; ``unread`` the tokens that the
        same forward reads before each row's tree (None: none). N numbers of nodes to choose from: 0 up to those of the
        longest row.
        """
        rows, longest = len(probabilities), max(map(len, probabilities), default=0)
        if self.costs.is_free or not longest:
            return longest
        sizes_N = np.arange(longest + 1)
        expected_N, widths_N = np.full(longest + 1, float(rows)), np.ones(longest + 1)
        for row, before in zip(probabilities, unread if unread is not None else [0] * rows, strict=True):
            expected_N[1:] += np.pad(np.cumsum(row), (0, longest - len(row)), mode="edge") if row else 0.0
            np.maximum(widths_N, before + 1 + np.minimum(sizes_N, len(row)), out=widths_N)
        rate_N = expected_N / self.costs.seconds_of(rows * widths_N)
        return longest - int(rate_N[::-1].argmax())  # The largest of equals.

    def least_chance(self) -> float:
        """The path probability below which a source need not draft a node; 0 where nodes are free.

        If every drafted node of a forward over n nodes has the probability p, it brings (n - 1) p tokens more than a
        forward over the root alone, and takes T(n) / T(1) - 1 times longer. This is half of the least p that pays for
        any measured n.
        """
        return max(0.5 * self.costs.cheapest_node(), 0.0)

    def _is_probe(self) -> bool:
        """Now and then a tree is verified although it does not seem to pay: T may be out of date."""
        self.unpaid_steps += 1
        return self.unpaid_steps % _PROBE_EVERY == 0
