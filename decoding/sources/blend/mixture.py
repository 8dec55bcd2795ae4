"""Kernels of the mixture: a conditional logit over the candidates and "none of them", its learning, and the tree.

Each candidate's score is the sum of what speaks for it, times learned weights; the chances of all candidates and of
none are the softmax of the scores (McFadden 1974), learned by a gradient step a token (AdaGrad, Duchi et al. 2011). The
tree is opened best path first. C candidates, F features, N nodes, Q waiting candidates.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.candidates import MOST, Candidates, MixtureContext, collect, forget, new_candidates
from decoding.sources.blend.compiled import compiled
from decoding.sources.blend.weights import (
    FEATURES,
    FREE,
    HISTORY,
    LENGTH,
    NEAR,
    NONE,
    NONE_LENGTH,
    PHRASES,
    PROMPT,
    RESUMES,
    SHARE,
    SHORTER,
    SIMILAR,
    VOICES,
    WRITTEN,
    Weights,
)  # fmt: skip

_LEAST_CHANCE, _LOG_SHIFT = 1e-4, 7.0
WIDEST, DEPTH = 24, 32
_MOST_SET = 16  # features that one row can have


class Nodes(NamedTuple):
    """Nodes of the tree, the root first, or candidates that wait to be opened: token, parent, chance given the parent,
    chance of the path (0: taken), place, voices, depth, and the cursor with its age.
    """

    tokens_N: NDArray[np.int32]
    parents_N: NDArray[np.int32]
    chances_N: NDArray[np.float64]
    paths_N: NDArray[np.float64]
    places_N: NDArray[np.int32]
    voices_N: NDArray[np.int32]
    depths_N: NDArray[np.int32]
    states_N2: NDArray[np.int64]


class Features(NamedTuple):
    """Rows of features that are not zero: how many each row has, which they are, and their values."""

    sizes_C: NDArray[np.int32]
    kinds_CM: NDArray[np.int32]
    values_CM: NDArray[np.float64]


class Workspace(NamedTuple):
    """What the kernels write to."""

    found: Candidates
    rows: Features
    chances_C: NDArray[np.float64]
    nodes: Nodes
    waiting: Nodes


def new_workspace(limit: int) -> Workspace:
    """Room for a tree of ``limit`` nodes."""
    rows = MOST + 1
    return Workspace(
        new_candidates(),
        Features(np.zeros(rows, np.int32), np.zeros((rows, _MOST_SET), np.int32), np.zeros((rows, _MOST_SET))),
        np.zeros(rows), _new_nodes(limit + 1), _new_nodes((limit + 1) * WIDEST),
    )  # fmt: skip


def _new_nodes(size: int) -> Nodes:
    def ints() -> NDArray[np.int32]:
        return np.zeros(size, np.int32)

    return Nodes(ints(), ints(), np.zeros(size), np.zeros(size), ints(), ints(), ints(), np.zeros((size, 2), np.int64))


class Position(NamedTuple):
    """Where a session stands: the kins of its last tokens, its last two ids, and the cursor with its age."""

    context_C: NDArray[np.int32]
    last_2: NDArray[np.int32]
    state_2: NDArray[np.int64]


@compiled
def _band(length: int) -> int:
    """Match lengths that share a weight: 1, 2, 3, 4, 5 or 6, more."""
    return min(length, 4) - 1 if length < 5 else 4 if length < 7 else 5


@compiled
def _put(rows: Features, row: int, kind: int, value: float) -> None:
    at = rows.sizes_C[row]
    rows.kinds_CM[row, at], rows.values_CM[row, at] = kind, value
    rows.sizes_C[row] = at + 1


@compiled
def describe(seen: MixtureContext, found: Candidates, size: int, total: float, longest: int, rows: Features) -> None:
    """Fill in the features of ``size`` candidates, and of "none" behind them."""
    prompt_K, written_K = seen.text.counts_K, seen.written_K
    rows.sizes_C[: size + 1] = 0
    for c in range(size):
        token, length = found.tokens_C[c], found.longest_C[c]
        if length > 0:
            _describe_match(found, c, total, longest, rows)
        if found.resumes_C[c] > 0:
            _put(rows, c, RESUMES + found.resumes_C[c] - 1, 1.0)
        if found.history_C[c] > _LEAST_CHANCE:
            _put(rows, c, HISTORY, math.log(found.history_C[c]) + _LOG_SHIFT)
        if found.phrases_C[c] > _LEAST_CHANCE:
            _put(rows, c, PHRASES, math.log(found.phrases_C[c]) + _LOG_SHIFT)
        written = written_K[token] if token < written_K.size else 0
        given = (prompt_K[token] if token < prompt_K.size else 0) - written
        if given > 0:
            _put_count(rows, c, PROMPT, given)
        if written > 0:
            _put_count(rows, c, WRITTEN, written)
        if length == 0 and given > 0:
            _put_count(rows, c, FREE, given)
        if length == 0 and written > 0:
            _put(rows, c, FREE + 2, 1.0)
        _put(rows, c, VOICES + found.voices_C[c], 1.0)
    _put(rows, size, NONE, 1.0)
    _put(rows, size, NONE_LENGTH + (1 + _band(longest) if longest > 0 else 0), 1.0)


@compiled
def _describe_match(found: Candidates, c: int, total: float, longest: int, rows: Features) -> None:
    """Features of a candidate that stands at places of the text."""
    length = found.longest_C[c]
    _put(rows, c, LENGTH + _band(length), 1.0)
    _put(rows, c, SHARE, math.log(found.votes_C[c]) - total)
    if length < longest:
        _put(rows, c, SHORTER, 1.0)
    if found.near_C[c] > 0:
        _put(rows, c, NEAR + min(length, 3) - 1, 1.0)
    if found.similar_C[c] > 0:
        _put(rows, c, SIMILAR + min(length, 3) - 1, min(found.similar_C[c], 3))


@compiled
def _put_count(rows: Features, row: int, kind: int, count: int) -> None:
    """That there are any, and how many."""
    _put(rows, row, kind, 1.0)
    if count > 1:
        _put(rows, row, kind + 1, math.log(count))


@compiled
def score(rows: Features, size: int, weights_F: NDArray[np.float64], chances_C: NDArray[np.float64]) -> None:
    """Chances of ``size`` candidates, and of "none" behind them."""
    most = -1e30
    for c in range(size + 1):
        total = 0.0
        for m in range(rows.sizes_C[c]):
            total += rows.values_CM[c, m] * weights_F[rows.kinds_CM[c, m]]
        chances_C[c] = total
        most = max(most, total)
    whole = 0.0
    for c in range(size + 1):
        chances_C[c] = math.exp(chances_C[c] - most)
        whole += chances_C[c]
    for c in range(size + 1):
        chances_C[c] /= whole


@compiled
def learn(seen: MixtureContext, here: Position, token: int, work: Workspace, learned: Weights, rate: float) -> None:
    """A gradient step towards ``token``, which came next; the cursor of ``here`` moves."""
    found, rows = work.found, work.rows
    size, total, longest = collect(seen, here.context_C, here.last_2, here.state_2, found)
    describe(seen, found, size, total, longest, rows)
    score(rows, size, learned.weights_F, work.chances_C)
    right = size
    for c in range(size):
        if found.tokens_C[c] == token:
            right = c
    slopes_F = np.zeros(FEATURES)
    for c in range(size + 1):
        share = (1.0 if c == right else 0.0) - work.chances_C[c]
        for m in range(rows.sizes_C[c]):
            slopes_F[rows.kinds_CM[c, m]] += share * rows.values_CM[c, m]
    for f in range(FEATURES):
        learned.squares_F[f] += slopes_F[f] * slopes_F[f]
        learned.weights_F[f] += rate * slopes_F[f] / math.sqrt(learned.squares_F[f])
    forget(found, size)


@compiled
def _go_to(nodes: Nodes, node: int, here: Position, kin_K: NDArray[np.int32], there: Position) -> None:
    """Make ``there`` the place behind ``node``: its path behind what is written, its parent's cursor."""
    room = here.context_C.size
    at, step = room - 1, node
    while step > 0 and at >= 0:
        token = nodes.tokens_N[step]
        there.context_C[at] = kin_K[token] if token < kin_K.size else token
        at -= 1
        step = nodes.parents_N[step]
    for k in range(at + 1):
        there.context_C[k] = here.context_C[k + room - 1 - at]
    there.last_2[0], there.last_2[1] = here.last_2[0], here.last_2[1]
    there.state_2[0], there.state_2[1] = here.state_2[0], here.state_2[1]
    if node > 0:
        parent = nodes.parents_N[node]
        there.last_2[0] = nodes.tokens_N[parent]
        there.last_2[1] = nodes.tokens_N[node]
        there.state_2[0], there.state_2[1] = nodes.states_N2[parent, 0], nodes.states_N2[parent, 1]


@compiled
def _queue(
    found: Candidates,
    size: int,
    chances_C: NDArray[np.float64],
    nodes: Nodes,
    node: int,
    waiting: Nodes,
    end: int,
    keep: float,
) -> int:
    """Let the likeliest candidates behind ``node`` wait; where the queue ends then."""
    for _ in range(min(size, WIDEST)):
        best = 0
        for c in range(1, size):
            if chances_C[c] > chances_C[best]:
                best = c
        path = nodes.paths_N[node] * chances_C[best]
        if path < keep:
            break
        waiting.tokens_N[end], waiting.parents_N[end] = found.tokens_C[best], node
        waiting.chances_N[end], waiting.paths_N[end] = chances_C[best], path
        waiting.places_N[end], waiting.voices_N[end] = found.places_C[best], found.voices_C[best]
        chances_C[best] = -1.0
        end += 1
    return end


@compiled
def grow(
    seen: MixtureContext,
    here: Position,
    kin_K: NDArray[np.int32],
    limit: int,
    keep: float,
    work: Workspace,
    learned: Weights,
) -> tuple[int, int]:
    """Open the tree to ``limit`` nodes, likeliest path first: how many there are, and the root's longest match."""
    nodes, waiting, found = work.nodes, work.waiting, work.found
    there = Position(here.context_C.copy(), here.last_2.copy(), here.state_2.copy())
    nodes.tokens_N[0], nodes.paths_N[0], nodes.depths_N[0] = here.last_2[1], 1.0, 0
    node, opened, end, root_longest = 0, 0, 0, 0
    while True:
        if nodes.depths_N[node] < DEPTH:
            _go_to(nodes, node, here, kin_K, there)
            size, total, longest = collect(seen, there.context_C, there.last_2, there.state_2, found)
            nodes.states_N2[node, 0], nodes.states_N2[node, 1] = there.state_2[0], there.state_2[1]
            root_longest = longest if node == 0 else root_longest
            describe(seen, found, size, total, longest, work.rows)
            score(work.rows, size, learned.weights_F, work.chances_C)
            end = _queue(found, size, work.chances_C, nodes, node, waiting, end, keep)
            forget(found, size)
        best = 0
        for q in range(1, end):
            if waiting.paths_N[q] > waiting.paths_N[best]:
                best = q
        if opened == limit or end == 0 or waiting.paths_N[best] <= 0.0:
            return opened, root_longest
        opened += 1
        node = opened
        nodes.tokens_N[node], nodes.parents_N[node] = waiting.tokens_N[best], waiting.parents_N[best]
        nodes.chances_N[node], nodes.paths_N[node] = waiting.chances_N[best], waiting.paths_N[best]
        nodes.places_N[node], nodes.voices_N[node] = waiting.places_N[best], waiting.voices_N[best]
        nodes.depths_N[node] = nodes.depths_N[nodes.parents_N[node]] + 1
        waiting.paths_N[best] = -1.0
