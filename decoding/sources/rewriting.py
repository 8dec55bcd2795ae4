"""Where a rewriting stands in its source, as a belief over the states of a lattice, and what it may write next.

Each output token moves the belief (the forward pass of a pair hidden Markov model, Durbin et al. 1998): copied, left
out, put in, put for a word, or a likely edit. So copying resumes at every place where it may, the likelier the better.
The continuations form a tree that is opened in order of path probability. Beyond SAD (Sun et al. 2021), which waits
for a unique n-gram after each edit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from decoding.interfaces import NO_ORIGIN, Draft, Origin, OriginKind
from decoding.sources.lattice import SETTLED, Lattice

# Of what is not expected anywhere: one token put in, or one in the place of the rest of this word, of two words, ...
_PUT_IN = 0.06
_PUT_FOR = (0.06, 0.02, 0.008, 0.004)
_UNEXPECTED = 0.006
# A jump to any place that holds the token just written.
_JUMP = 4e-6
_KEPT, _FAINT = 12, 1e-4
_ROOT_STATES, _NODE_STATES = 6, 3
_LEAST = 0.003
_AFTER_EDIT = 0

_weight = itemgetter(1)
_States = list[tuple[int, float, int]]
"""State, chance of the path to it, tokens copied since the last change."""


@dataclass(slots=True, eq=False)
class _Node:
    """A drafted token. ``chance`` is that of the whole path, ``states`` where it may lead, the likeliest first."""

    parent: _Node | None
    token: int
    chance: float
    states: _States
    is_edited: bool
    is_leaf: bool = True


class Rewriting:
    """The belief of one session."""

    def __init__(self, lattice: Lattice) -> None:
        self._lattice = lattice
        self._belief: dict[int, float] = {0: 1.0}
        self.run = SETTLED

    def advance(self, token: int) -> None:
        """The output has one more token."""
        lattice, moved = self._lattice, dict[int, float]()
        before = max(self._belief.items(), key=_weight)[0]
        for state, weight in self._belief.items():
            for expected, chance, to in lattice.arcs(state, self.run):
                if expected == token:
                    moved[to] = moved.get(to, 0.0) + weight * chance
            home = lattice.homes[state]
            put = weight * _UNEXPECTED
            moved[home] = moved.get(home, 0.0) + put * _PUT_IN
            if home <= lattice.size:
                for to, share in zip(lattice.after[home], _PUT_FOR, strict=False):
                    moved[to] = moved.get(to, 0.0) + put * share
        for place in lattice.places.get(token, ()):
            moved[place + 1] = moved.get(place + 1, 0.0) + _JUMP
        best = sorted(moved.items(), key=_weight, reverse=True)[:_KEPT]
        total = sum(weight for _, weight in best)
        self._belief = {state: weight / total for state, weight in best if weight > _FAINT * total}
        likeliest = best[0][0]
        copied = likeliest == before + 1 and before <= lattice.size and lattice.copies[before][0] == token
        self.run = self.run + 1 if copied else 0

    def drafts(self, limit: int, index: int, *, edited: bool) -> list[Draft]:
        """The likeliest chains, at most ``limit`` tokens in all: with ``edited`` those through a likely edit, without
        it those that only copy from reference ``index``.
        """
        leaves = [node for node in self._opened(limit, edited) if node.is_leaf and node.is_edited == edited]
        return [self._draft(leaf, index, first=rank) for rank, leaf in enumerate(leaves)]

    def _opened(self, limit: int, edited: bool) -> list[_Node]:
        """The likeliest continuations, the likeliest first and a parent before its children."""
        opened: list[_Node] = []
        heap: list[tuple[float, int, _Node]] = []
        belief = sorted(self._belief.items(), key=_weight, reverse=True)[:_ROOT_STATES]
        root = _Node(None, -1, 1.0, [(state, weight, self.run) for state, weight in belief], False)
        number = 0
        for child in self._children(root, edited):
            number += 1
            heapq.heappush(heap, (-child.chance, number, child))
        while heap and len(opened) < limit:
            node = heapq.heappop(heap)[2]
            opened.append(node)
            if node.parent is not None:
                node.parent.is_leaf = False
            for child in self._children(node, edited):
                number += 1
                heapq.heappush(heap, (-child.chance, number, child))
        return opened

    def _children(self, parent: _Node, edited: bool) -> Iterator[_Node]:
        arcs_of, copies = self._lattice.arcs, self._lattice.copies
        found: dict[int, _States] = {}
        for state, weight, run in parent.states[: _ROOT_STATES if parent.token < 0 else _NODE_STATES]:
            for token, chance, to in arcs_of(state, run):
                if (path := weight * chance) > _LEAST / 4 and token >= 0:
                    following = run + 1 if to == state + 1 else _AFTER_EDIT
                    found.setdefault(token, []).append((to, path, following))
        for token, reached in found.items():
            chance = sum(map(_weight, reached))
            if chance < _LEAST:
                continue
            if len(reached) > 1:
                reached.sort(key=_weight, reverse=True)
            to = reached[0][0]
            is_edited = parent.is_edited or to > len(copies) or copies[to - 1][0] != token
            if edited or not is_edited:
                yield _Node(parent, token, chance, reached, is_edited)

    def _draft(self, leaf: _Node, index: int, *, first: int) -> Draft:
        path: list[_Node] = []
        node: _Node | None = leaf
        while node is not None and node.token >= 0:
            path.append(node)
            node = node.parent
        path.reverse()
        chances = [path[0].chance, *(below.chance / above.chance for above, below in pairwise(path))]
        bucket = min(self.run, SETTLED) + (0 if first == 0 else SETTLED + 1)
        origins = tuple(self._origin(node, index) for node in path)
        return Draft(tuple(node.token for node in path), tuple(min(1.0, one) for one in chances), origins, bucket)

    def _origin(self, node: _Node, index: int) -> Origin:
        place = node.states[0][0] - 1
        if place < self._lattice.size and self._lattice.copies[place][0] == node.token:
            return Origin(OriginKind.REFERENCE, index, place)
        return NO_ORIGIN
