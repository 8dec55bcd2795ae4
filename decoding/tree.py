"""The two trees of drafting: what one source proposes, and what all sources together have the target verify.

A ``DraftTree`` is a source's answer: small, immutable, of drafted tokens alone. A ``TokenTree`` merges the draft trees
of all sources by common prefix; it is cut to what is worth verifying and laid out in one forward pass. Knows nothing of
how drafts are found or calibrated. N nodes, V vocabulary.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import NO_ORIGIN, Origin

AT_ROOT: Final = -1
"""The parent of a draft tree's first tokens: the last committed token, which is no node of that tree."""
ROOT: Final = 0
"""The node of a token tree that is the last committed token."""


@dataclass(frozen=True, slots=True)
class DraftTree:
    """What one source drafts after the last committed token: N drafted tokens, each below its parent.

    ``parents[i]`` is a node before ``i``, or ``AT_ROOT``. ``probabilities[i]`` is the source's estimate that token
    ``i`` is accepted, given that its parent was; ``origins[i]`` is where the token was copied from. ``buckets[i]`` says
    how long a match the estimate rests on, as the source counts it, since acceptance is calibrated by (source, bucket,
    depth); empty: 0 for every node. ``contributors[i]`` names the parts of a mixed source that proposed the token,
    as stats count them; empty: the source itself. ``distributions`` holds, by node, what a sampling draft model drew
    the token from (V); deterministic drafts have none.

    Two children of one node may carry the same token: they are merged when the tree is grafted, and the higher
    probability holds. ``DraftTree()`` drafts nothing. Raises ValueError for lists of different lengths and for a parent
    that does not stand before its child.
    """

    tokens: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()
    probabilities: tuple[float, ...] = ()
    origins: tuple[Origin, ...] = ()
    buckets: tuple[int, ...] = ()
    contributors: tuple[tuple[str, ...], ...] = ()
    distributions: Mapping[int, NDArray[np.floating]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        size = len(self.tokens)
        lengths = {len(self.parents), len(self.probabilities), len(self.origins)}
        optional = {len(self.buckets), len(self.contributors)}
        if lengths != {size} or not optional <= {0, size}:
            raise ValueError(f"a draft tree of {size} tokens has lists of other lengths: {lengths | optional}")
        for node, parent in enumerate(self.parents):
            if not AT_ROOT <= parent < node:
                raise ValueError(f"node {node} of a draft tree has the parent {parent}, which does not stand before it")

    @classmethod
    def chain(
        cls,
        tokens: Sequence[int],
        probabilities: float | Sequence[float],
        *,
        origins: Sequence[Origin] | None = None,
        bucket: int = 0,
    ) -> DraftTree:
        """Tokens one after the other; one probability stands for all of them, no origins for ``NO_ORIGIN``."""
        size = len(tokens)
        chances = (probabilities,) * size if isinstance(probabilities, float | int) else tuple(probabilities)
        return cls(
            tokens=tuple(tokens),
            parents=tuple(range(AT_ROOT, size - 1)),
            probabilities=chances,
            origins=(NO_ORIGIN,) * size if origins is None else tuple(origins),
            buckets=(bucket,) * size,
        )

    @classmethod
    def from_paths(cls, paths: Mapping[tuple[int, ...], float], *, bucket: int = 0) -> DraftTree:
        """A node for each path from the root, with the probability of its last token; the path to a node's parent must
        stand before its own. Raises KeyError for a path without its parent.
        """
        numbers = {(): AT_ROOT} | {path: node for node, path in enumerate(paths)}
        return cls(
            tokens=tuple([path[-1] for path in paths]),
            parents=tuple([numbers[path[:-1]] for path in paths]),
            probabilities=tuple(paths.values()),
            origins=(NO_ORIGIN,) * len(paths),
            buckets=(bucket,) * len(paths),
        )

    @classmethod
    def side_by_side(cls, trees: Iterable[DraftTree]) -> DraftTree:
        """All of ``trees`` below one root, the nodes of the first one first."""
        parts = [tree for tree in trees if tree]
        if len(parts) == 1:
            return parts[0]
        parents: list[int] = []
        distributions: dict[int, NDArray[np.floating]] = {}
        for tree in parts:
            start = len(parents)
            distributions |= {start + node: each_V for node, each_V in tree.distributions.items()}
            parents += [parent if parent == AT_ROOT else start + parent for parent in tree.parents]
        named = any(tree.contributors for tree in parts)
        return cls(
            tokens=tuple([token for tree in parts for token in tree.tokens]),
            parents=tuple(parents),
            probabilities=tuple([chance for tree in parts for chance in tree.probabilities]),
            origins=tuple([origin for tree in parts for origin in tree.origins]),
            buckets=tuple([bucket for tree in parts for bucket in tree.buckets or (0,) * len(tree)]),
            contributors=tuple([names for tree in parts for names in tree.contributors or ((),) * len(tree)])
            if named
            else (),
            distributions=distributions,
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def depths(self) -> list[int]:
        """(N) the depth of each node, 1 right below the root."""
        depths = [0] * (len(self.parents) + 1)  # The last one is the root's: AT_ROOT finds it.
        for node, parent in enumerate(self.parents):
            depths[node] = depths[parent] + 1
        return depths[:-1]

    def leaf_order(self) -> list[int]:
        """(N) all nodes once, as the paths to the leaves name them, leaf by leaf: merging and learning go by it."""
        parents, size = self.parents, len(self.parents)
        is_inner = [False] * (size + 1)
        for parent in parents:
            is_inner[parent] = True
        is_listed = [False] * size + [True]
        order: list[int] = []
        for leaf in range(size):
            if is_inner[leaf]:
                continue
            path, node = [], leaf
            while not is_listed[node]:
                is_listed[node] = True
                path.append(node)
                node = parents[node]
            order += reversed(path)
        return order

    def path(self, node: int) -> list[int]:
        """The nodes from the root to ``node``, which is the last of them."""
        path = []
        while node != AT_ROOT:
            path.append(node)
            node = self.parents[node]
        return path[::-1]

    def first_chain(self) -> DraftTree:
        """The path to the first leaf alone."""
        inner = {*self.parents}
        leaf = next((node for node in range(len(self)) if node not in inner), AT_ROOT)
        return self.subtree(self.path(leaf))

    def subtree(self, nodes: Sequence[int]) -> DraftTree:
        """The nodes ``nodes`` in rising order; the parent of each must be among them."""
        if len(nodes) == len(self):
            return self
        numbers = {AT_ROOT: AT_ROOT} | {node: number for number, node in enumerate(nodes)}
        return DraftTree(
            tokens=tuple([self.tokens[node] for node in nodes]),
            parents=tuple([numbers[self.parents[node]] for node in nodes]),
            probabilities=tuple([self.probabilities[node] for node in nodes]),
            origins=tuple([self.origins[node] for node in nodes]),
            buckets=tuple([self.buckets[node] for node in nodes]) if self.buckets else (),
            contributors=tuple([self.contributors[node] for node in nodes]) if self.contributors else (),
            distributions={numbers[node]: each_V for node, each_V in self.distributions.items() if node in numbers},
        )

    def within(self, vocab_size: int) -> DraftTree:
        """Without the paths that lead through an id outside the vocabulary, each dropped whole up to its leaf."""
        if not self.tokens or (min(self.tokens) >= 0 and max(self.tokens) < vocab_size):
            return self
        inner = {*self.parents}
        is_clean = [False] * len(self) + [True]
        kept: set[int] = set()
        for node, (token, parent) in enumerate(zip(self.tokens, self.parents, strict=True)):
            is_clean[node] = is_clean[parent] and 0 <= token < vocab_size
            if is_clean[node] and node not in inner:
                kept.update(self.path(node))
        return self.subtree(sorted(kept))


@dataclass(slots=True)
class TokenTree:
    """The drafts of all sources, merged. Parallel lists over N nodes, a parent before its children, node 0 the root.

    ``probabilities`` are those of the whole path from the root being accepted. ``sources`` names who drafted a node;
    ``origins`` says where its token was most likely copied from. ``distributions`` are those (V) that a
    sampling draft model drew its tokens from, by the drawn node.
    """

    tokens: list[int]
    parents: list[int] = field(default_factory=lambda: [-1])
    depths: list[int] = field(default_factory=lambda: [0])
    probabilities: list[float] = field(default_factory=lambda: [1.0])
    sources: list[tuple[str, ...]] = field(default_factory=lambda: [()])
    origins: list[Origin] = field(default_factory=lambda: [NO_ORIGIN])
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

    def graft(
        self, source: str, draft: DraftTree, *, max_depth: int, probabilities: Sequence[float] | None = None
    ) -> None:
        """Merge what ``source`` drafted, in one pass over its nodes; what lies deeper than ``max_depth`` is left out.

        A node that is known gains the source, and the path probability and the origin if that probability is higher.
        ``probabilities`` are calibrated, by node, to be used instead of the draft's own estimates.
        """
        estimates = draft.probabilities if probabilities is None else probabilities
        # By node of the draft: its node in this tree, None beyond the depth, and the probability of its path. The last
        # ones are the root's, where AT_ROOT finds them.
        merged: list[int | None] = [None] * len(draft) + [ROOT]
        paths = [1.0] * (len(draft) + 1)
        itself = (source,)
        for node in draft.leaf_order():
            parent = merged[draft.parents[node]]
            if parent is None or self.depths[parent] == max_depth:
                continue
            token, origin = draft.tokens[node], draft.origins[node]
            path_probability = paths[node] = paths[draft.parents[node]] * estimates[node]
            names = (draft.contributors[node] or itself) if draft.contributors else itself
            known = self.children[parent].get(token)
            if known is None:
                known = self._append(parent, token, path_probability, names, origin)
            else:
                self._join(known, path_probability, names, origin)
            merged[node] = known
            if node in draft.distributions:
                self.distributions.setdefault(known, draft.distributions[node])

    def _join(self, node: int, path_probability: float, names: tuple[str, ...], origin: Origin) -> None:
        """Two sources that agree are mostly two readings of one text: the higher probability holds, not their sum."""
        self.sources[node] += tuple(name for name in names if name not in self.sources[node])
        is_better = path_probability > self.probabilities[node]
        if is_better:
            self.probabilities[node] = path_probability
        if origin is not NO_ORIGIN and (is_better or self.origins[node] is NO_ORIGIN):
            self.origins[node] = origin

    def _append(self, parent: int, token: int, probability: float, names: tuple[str, ...], origin: Origin) -> int:
        node = len(self.tokens)
        self.tokens.append(token)
        self.parents.append(parent)
        self.depths.append(self.depths[parent] + 1)
        self.probabilities.append(probability)
        self.sources.append(names)
        self.origins.append(origin)
        self.children.append({})
        self.children[parent][token] = node
        return node

    def expected(self, limit: int) -> float:
        """Expected tokens of a step that verifies the best ``limit`` nodes: the target's own and the accepted ones."""
        return 1.0 + sum(heapq.nlargest(limit, self.probabilities[1:]))

    def offers(self, node: int) -> dict[int, NDArray[np.floating] | None]:
        """The drafted tokens after ``node``, each with the distribution it was sampled from, if it was."""
        return {token: self.distributions.get(child) for token, child in self.children[node].items()}

    def ranked(self) -> list[int]:
        """Drafted nodes by falling path probability, a parent always before its children."""
        self._level()
        return sorted(range(1, len(self.tokens)), key=lambda node: (-self.probabilities[node], self.depths[node], node))

    def _level(self) -> None:
        """Another source can raise the path probability of a child above its parent's, but no path is likelier than its
        beginning: the child's is then lowered to its parent's.
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
        numbers = {ROOT: ROOT} | {node: new for new, node in enumerate(order, start=1)}
        tree = TokenTree.of(self.tokens[ROOT])
        for node in order:
            parent = numbers[self.parents[node]]
            tree._append(parent, self.tokens[node], self.probabilities[node], self.sources[node], self.origins[node])
        tree.distributions = {numbers[node]: each_V for node, each_V in self.distributions.items() if node in numbers}
        return tree

    def ancestor_mask(self) -> NDArray[np.bool_]:
        """(N, N) booleans: row i is True at node i and at its ancestors, which are what node i may attend to."""
        size = len(self.tokens)
        mask_NN = np.eye(size, dtype=np.bool_)
        for node in range(1, size):
            mask_NN[node] |= mask_NN[self.parents[node]]
        return mask_NN
