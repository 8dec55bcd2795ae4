"""The source ``recycled``: the target's own runners-up, which every verified node leaves in a table.

The table maps a token to what the target last held likely after it, so that there is a draft even where nothing can
be copied. After Token Recycling (Luo et al. 2024); which ranks are worth a node at which depth is learned instead of
being one fixed template. K successors a token, D depth, N nodes of a verified tree, V vocabulary.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import AT_ROOT, DraftTree

# Successors that are kept for a token, and the depth of the drafted tree.
SUCCESSORS: Final = 8
_DEPTH: Final = 6
_NONE: Final = -1
# How often the successor of each rank is the next token, before anything is known; worth this many observations.
_PRIOR: Final = (0.35, 0.10, 0.06, 0.04, 0.03, 0.02, 0.015, 0.01)
_PRIOR_WEIGHT: Final = 20.0
# What a count keeps with each further one.
_FADE: Final = 0.998
# Which nodes are worth drafting is computed anew after so many steps.
_PLAN_EVERY: Final = 32
# A path less likely than this is never worth a node.
_WORTH: Final = 0.001


@dataclass(frozen=True, slots=True)
class _Planned:
    """A node to be filled in: the successor of rank ``rank`` of the node ``parent`` of the plan (-1: the root)."""

    parent: int
    rank: int
    depth: int
    chance: float


class RecycledTable:
    """What all sessions of an engine recycle: (vocabulary, K) int32 ids, 32 bytes a token, grown as ids are seen.

    Beside it how often the successor of each rank was the next token, by depth (K, D). Only a step of the engine uses
    it, and steps are made one at a time, under the scheduler's lock.
    """

    def __init__(self) -> None:
        self._successors_VK = np.full((0, SUCCESSORS), _NONE, dtype=np.int32)
        self._tried_KD = np.full((SUCCESSORS, _DEPTH), _PRIOR_WEIGHT)
        self._hits_KD = self._tried_KD * np.array(_PRIOR)[:, None]
        self._learned = 0
        self._plan: list[_Planned] = []
        self._planned_for = (0, -1)

    def forget(self) -> None:
        """Drop what was learned of single tokens; which ranks are worth a node stays."""
        self._successors_VK = np.full((0, SUCCESSORS), _NONE, dtype=np.int32)

    def successors(self, token: int) -> list[int]:
        """What the target last found likely after ``token``, best first; nothing for a token it has not met."""
        if token >= len(self._successors_VK):
            return []
        return [successor for successor in self._successors_VK[token].tolist() if successor != _NONE]

    def update(self, tokens_N: Sequence[int], top_NK: NDArray[np.integer]) -> None:
        """Replace the rows of ``tokens_N``; the last one counts for a token that stands there twice."""
        needed = max(tokens_N) + 1
        if needed > len(self._successors_VK):
            grown_VK = np.full((max(needed, 2 * len(self._successors_VK)), SUCCESSORS), _NONE, dtype=np.int32)
            grown_VK[: len(self._successors_VK)] = self._successors_VK
            self._successors_VK = grown_VK
        self._successors_VK[tokens_N, : top_NK.shape[1]] = top_NK

    def learn(self, root: int, committed: Sequence[int]) -> None:
        """Count at which ranks the table had the committed tokens, for as long as it had them at all."""
        for depth, token in enumerate(committed[:_DEPTH]):
            row = self.successors(root)
            self._tried_KD[: len(row), depth] = self._tried_KD[: len(row), depth] * _FADE + 1.0
            self._hits_KD[: len(row), depth] *= _FADE
            if token not in row:
                break
            self._hits_KD[row.index(token), depth] += 1.0
            root = token
        self._learned += 1

    def plan(self, limit: int) -> list[_Planned]:
        """The ``limit`` (rank, depth) paths most likely to be accepted, best first, by what was learned lately."""
        latest = (limit, self._learned // _PLAN_EVERY)
        if latest != self._planned_for:
            self._plan, self._planned_for = _plan((self._hits_KD / self._tried_KD).T.tolist(), limit), latest
        return self._plan


def _plan(chances_DK: Sequence[Sequence[float]], limit: int) -> list[_Planned]:
    planned: list[_Planned] = []
    heap = [(-chance, 0, _NONE, rank) for rank, chance in enumerate(chances_DK[0])]
    heapq.heapify(heap)
    while heap and len(planned) < limit:
        negative, depth, parent, rank = heapq.heappop(heap)
        if -negative < _WORTH:
            break
        planned.append(_Planned(parent, rank, depth, chances_DK[depth][rank]))
        if depth + 1 < _DEPTH:
            for below, chance in enumerate(chances_DK[depth + 1]):
                heapq.heappush(heap, (negative * chance, depth + 1, len(planned) - 1, below))
    return planned


class Recycled(DraftSource):
    """A tree of successors of successors, from the last committed token on. It needs commits that carry the logits of
    the verified tree: without ``Commit.verified`` nothing is learned and nothing drafted.
    """

    name = "recycled"

    def __init__(self, table: RecycledTable) -> None:
        self._table = table
        self._root = _NONE

    def start(self, request: Request) -> None:
        """The first root is the end of the prompt."""
        self._root = request.prompt[-1]

    def propose(self, context: DraftContext) -> DraftTree:
        """The likeliest paths through the table, at most ``context.limit`` nodes."""
        before = context.output[-1] if context.output else self._root
        known: dict[int, list[int]] = {}
        numbers = {_NONE: AT_ROOT}  # By node of the plan: its node in the draft, if the table has a token for it.
        tokens: list[int] = []
        parents: list[int] = []
        chances: list[float] = []
        ranks: list[int] = []
        for planned, node in enumerate(self._table.plan(context.limit)):
            parent = numbers.get(node.parent)
            if parent is None:
                continue
            above = before if parent == AT_ROOT else tokens[parent]
            if above not in known:
                known[above] = self._table.successors(above)
            if node.rank >= len(known[above]):
                continue
            numbers[planned] = len(tokens)
            tokens.append(known[above][node.rank])
            parents.append(parent)
            chances.append(node.chance)
            ranks.append(node.rank if parent == AT_ROOT else ranks[parent])
        return DraftTree(
            tokens=tuple(tokens),
            parents=tuple(parents),
            probabilities=tuple(chances),
            origins=(NO_ORIGIN,) * len(tokens),
            buckets=tuple(ranks),
        )

    def observe(self, commit: Commit) -> None:
        """Learn from the committed tokens how good the table was, then take over what the target said."""
        if commit.verified is None or not commit.tokens:
            return
        self._table.learn(commit.verified.tokens[0], commit.tokens)
        self._table.update(commit.verified.tokens, commit.verified.top(SUCCESSORS))

    def finish(self) -> None:
        """The table stays: the next session begins with it."""
        self._root = _NONE
