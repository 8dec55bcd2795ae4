"""The token tree: drafts of all sources merged by common prefix, cut to what is worth verifying.

Node 0 is the root, the last committed token; every other node is one drafted token. Nodes stand in an order in
which a parent precedes its children, so the tree can be laid out in one forward pass.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import NO_ORIGIN, Draft, Origin

ROOT = 0


@dataclass(slots=True)
class TokenTree:
    """Parallel lists over nodes. ``probability`` is that of the whole path from the root being accepted; ``origins``
    holds the likeliest place of each token, ``others`` the further ones.

    ``distributions`` are those (V) that a sampling draft model drew its tokens from, by the drawn node.
    """

    tokens: list[int]
    parents: list[int] = field(default_factory=lambda: [-1])
    depths: list[int] = field(default_factory=lambda: [0])
    probabilities: list[float] = field(default_factory=lambda: [1.0])
    sources: list[tuple[str, ...]] = field(default_factory=lambda: [()])
    origins: list[Origin] = field(default_factory=lambda: [NO_ORIGIN])
    others: list[tuple[Origin, ...]] = field(default_factory=lambda: [()])
    children: list[dict[int, int]] = field(default_factory=lambda: [{}])
    distributions: dict[int, NDArray[np.floating]] = field(default_factory=dict)

    @classmethod
    def of(cls, root_token: int) -> TokenTree:
        """A tree of nothing but the last committed token: verifying it is plain decoding."""
        return cls([root_token])

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def drafted(self) -> int:
        """Number of drafted tokens: all nodes but the root."""
        return len(self.tokens) - 1

    def child(self, node: int, token: int) -> int | None:
        """The child of ``node`` that carries ``token``, if drafted."""
        return self.children[node].get(token)

    def add(self, source: str, draft: Draft, *, max_depth: int, chances: Sequence[float] | None = None) -> None:
        """Merge a chain into the tree; a known node gains the source and the origin, and the estimate if better.

        ``chances`` are calibrated estimates, to be used instead of the draft's own.
        """
        node, path_probability = ROOT, 1.0
        steps = zip(draft.tokens, chances or draft.probabilities, draft.origins, strict=True)
        for step, (token, probability, origin) in enumerate(steps):
            if self.depths[node] == max_depth:
                return
            path_probability *= probability
            names = draft.voices[step] if draft.voices else (source,)
            known = self.children[node].get(token)
            if known is None:
                node = self._append(node, token, path_probability, names, origin)
            else:
                node = known
                self._join(node, path_probability, names, origin)
            if draft.distributions:
                self.distributions[node] = draft.distributions[step]

    def _join(self, node: int, path_probability: float, names: tuple[str, ...], origin: Origin) -> None:
        """Two sources that agree are mostly two readings of one text: the better estimate holds, not their sum."""
        self.sources[node] += tuple(name for name in names if name not in self.sources[node])
        better = path_probability > self.probabilities[node]
        known = (self.origins[node], *self.others[node])
        if better:
            self.probabilities[node] = path_probability
        if origin not in known and origin is not NO_ORIGIN:
            first_known = known[0] is NO_ORIGIN
            if better or first_known:
                self.origins[node] = origin
                self.others[node] = known[1:] if first_known else known
            else:
                self.others[node] += (origin,)

    def _append(self, parent: int, token: int, probability: float, names: tuple[str, ...], origin: Origin) -> int:
        node = len(self.tokens)
        self.tokens.append(token)
        self.parents.append(parent)
        self.depths.append(self.depths[parent] + 1)
        self.probabilities.append(probability)
        self.sources.append(names)
        self.origins.append(origin)
        self.others.append(())
        self.children.append({})
        self.children[parent][token] = node
        return node

    def expected(self, limit: int) -> float:
        """Expected tokens of a step that verifies the best ``limit`` nodes: the target's own and the accepted ones."""
        return 1.0 + sum(heapq.nlargest(limit, self.probabilities[1:]))

    def offers(self, node: int) -> dict[int, NDArray[np.floating] | None]:
        """The drafted tokens behind ``node``, each with the distribution it was sampled from, if it was."""
        return {token: self.distributions.get(child) for token, child in self.children[node].items()}

    def ranked(self) -> list[int]:
        """Drafted nodes by falling path probability, a parent always before its children."""
        self._level()
        return sorted(range(1, len(self.tokens)), key=lambda node: (-self.probabilities[node], self.depths[node], node))

    def _level(self) -> None:
        """Another source's estimate can raise a child above its parent, but no path is likelier than its head: such
        a child's probability is lowered to its parent's.
        """
        for node in range(1, len(self.tokens)):
            self.probabilities[node] = min(self.probabilities[node], self.probabilities[self.parents[node]])

    def best_chain(self) -> TokenTree:
        """The path from the root of which most tokens are expected to be accepted, without its branches."""
        self._level()
        gains, best_child = list(self.probabilities), [ROOT] * len(self.tokens)
        for node in range(len(self.tokens) - 1, ROOT, -1):
            if best_child[node] != ROOT:
                gains[node] += gains[best_child[node]]
            rival = best_child[self.parents[node]]
            if rival == ROOT or gains[node] >= gains[rival]:
                best_child[self.parents[node]] = node
        path, node = [], best_child[ROOT]
        while node != ROOT:
            path.append(node)
            node = best_child[node]
        return self.pruned(path)

    def pruned(self, keep: Iterable[int]) -> TokenTree:
        """The sub-tree of the root and the nodes ``keep``; their ancestors must be among them."""
        order = sorted(keep)
        place = {ROOT: ROOT} | {node: new for new, node in enumerate(order, start=1)}
        tree = TokenTree.of(self.tokens[ROOT])
        for node in order:
            parent = place[self.parents[node]]
            tree._append(parent, self.tokens[node], self.probabilities[node], self.sources[node], self.origins[node])
            tree.others[-1] = self.others[node]
        tree.distributions = {place[node]: one for node, one in self.distributions.items() if node in place}
        return tree

    def ancestor_mask(self) -> NDArray[np.bool_]:
        """(N, N) booleans: row i is True at node i and at its ancestors, which are what node i may attend to."""
        size = len(self.tokens)
        mask_NN = np.eye(size, dtype=np.bool_)
        for node in range(1, size):
            mask_NN[node] |= mask_NN[self.parents[node]]
        return mask_NN
