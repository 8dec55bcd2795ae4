"""Kernels of the mixture: a conditional logit over the candidates and "none of them", its learning, and the tree.

Each candidate's score is the sum of its features times learned weights; the probabilities of all candidates and of
"none" are the softmax of the scores (McFadden 1974), learned by a gradient step a token (AdaGrad, Duchi et al. 2011).
The tree is opened best path first. A step of the decoder is one call, ``learn_and_grow``: from Python each call costs
as much as a small tree.

C candidates, and "none" after them; F features, M features that one row has, N nodes or new tokens, V vocabulary, W
tokens of the context that is matched.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.candidates import MOST, Candidates, MixtureContext, clear, collect, new_candidates
from decoding.sources.blend.compiled import compiled
from decoding.sources.blend.ngram_index import append
from decoding.sources.blend.weights import (
    CONTRIBUTORS,
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
    WRITTEN,
    Weights,
)  # fmt: skip

# A probability in history or prose below the first counts as none. The second is added to the log of any other, so that
# it is positive for tokens that are not rare there: a feature that is missing counts 0.
_LEAST_CHANCE, _LOG_SHIFT = 1e-4, 7.0
# Children of a node that are queued at most, and the depth of the tree.
WIDEST, DEPTH = 24, 32
_MOST_SET = 16  # features that one row can have


class Nodes(NamedTuple):
    """Nodes of the tree, the root first, or candidates that wait to be opened: token, parent, probability given the
    parent, probability of the path (waiting: not positive once it was taken), position it is copied from, contributors,
    depth, and the cursor with its age.
    """

    tokens_N: NDArray[np.int32]
    parents_N: NDArray[np.int32]
    chances_N: NDArray[np.float64]
    paths_N: NDArray[np.float64]
    positions_N: NDArray[np.int32]
    contributors_N: NDArray[np.int32]
    depths_N: NDArray[np.int32]
    cursors_N2: NDArray[np.int64]


class Features(NamedTuple):
    """Rows of features that are not zero: how many each row has, which they are, and their values."""

    sizes_C: NDArray[np.int32]
    kinds_CM: NDArray[np.int32]
    values_CM: NDArray[np.float64]


class Workspace(NamedTuple):
    """What the kernels write to."""

    candidates: Candidates
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


class MatchState(NamedTuple):
    """Where a session stands: the canonical ids of its last tokens, its last two ids, and the cursor with its age."""

    context_W: NDArray[np.int32]
    last_2: NDArray[np.int32]
    cursor_2: NDArray[np.int64]


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
def describe(
    context: MixtureContext, candidates: Candidates, size: int, total: float, longest: int, rows: Features
) -> None:
    """Fill in the features of ``size`` candidates, and of "none" after them."""
    prompt_K, written_K = context.text.counts_K, context.written_K
    rows.sizes_C[: size + 1] = 0
    for c in range(size):
        token, length = candidates.tokens_C[c], candidates.longest_C[c]
        if length > 0:
            _describe_match(candidates, c, total, longest, rows)
        if candidates.resumes_C[c] > 0:
            _put(rows, c, RESUMES + candidates.resumes_C[c] - 1, 1.0)
        if candidates.history_C[c] > _LEAST_CHANCE:
            _put(rows, c, HISTORY, math.log(candidates.history_C[c]) + _LOG_SHIFT)
        if candidates.phrases_C[c] > _LEAST_CHANCE:
            _put(rows, c, PHRASES, math.log(candidates.phrases_C[c]) + _LOG_SHIFT)
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
        _put(rows, c, CONTRIBUTORS + candidates.contributors_C[c], 1.0)
    _put(rows, size, NONE, 1.0)
    _put(rows, size, NONE_LENGTH + (1 + _band(longest) if longest > 0 else 0), 1.0)


@compiled
def _describe_match(candidates: Candidates, c: int, total: float, longest: int, rows: Features) -> None:
    """Features of a candidate that stands somewhere in the text."""
    length = candidates.longest_C[c]
    _put(rows, c, LENGTH + _band(length), 1.0)
    _put(rows, c, SHARE, math.log(candidates.votes_C[c]) - total)
    if length < longest:
        _put(rows, c, SHORTER, 1.0)
    if candidates.near_C[c] > 0:
        _put(rows, c, NEAR + min(length, 3) - 1, 1.0)
    if candidates.similar_C[c] > 0:
        _put(rows, c, SIMILAR + min(length, 3) - 1, min(candidates.similar_C[c], 3))


@compiled
def _put_count(rows: Features, row: int, kind: int, count: int) -> None:
    """That there are any, and how many."""
    _put(rows, row, kind, 1.0)
    if count > 1:
        _put(rows, row, kind + 1, math.log(count))


@compiled
def score(rows: Features, size: int, weights_F: NDArray[np.float64], chances_C: NDArray[np.float64]) -> None:
    """Probabilities of ``size`` candidates, and of "none" after them."""
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
def learn(
    context: MixtureContext, state: MatchState, token: int, work: Workspace, learned: Weights, rate: float
) -> None:
    """A gradient step towards ``token``, which came next; the cursor of ``state`` moves."""
    candidates, rows = work.candidates, work.rows
    size, total, longest = collect(context, state.context_W, state.last_2, state.cursor_2, candidates)
    describe(context, candidates, size, total, longest, rows)
    score(rows, size, learned.weights_F, work.chances_C)
    right = size
    for c in range(size):
        if candidates.tokens_C[c] == token:
            right = c
    slopes_F = np.zeros(FEATURES)
    for c in range(size + 1):
        share = (1.0 if c == right else 0.0) - work.chances_C[c]
        for m in range(rows.sizes_C[c]):
            slopes_F[rows.kinds_CM[c, m]] += share * rows.values_CM[c, m]
    for f in range(FEATURES):
        learned.squares_F[f] += slopes_F[f] * slopes_F[f]
        learned.weights_F[f] += rate * slopes_F[f] / math.sqrt(learned.squares_F[f])
    clear(candidates, size)


@compiled
def _go_to(nodes: Nodes, node: int, state: MatchState, canonical_V: NDArray[np.int32], ahead: MatchState) -> None:
    """Make ``ahead`` the state after ``node``: its path after what is written, its parent's cursor."""
    room = state.context_W.size
    at, step = room - 1, node
    while step > 0 and at >= 0:
        token = nodes.tokens_N[step]
        ahead.context_W[at] = canonical_V[token] if token < canonical_V.size else token
        at -= 1
        step = nodes.parents_N[step]
    for k in range(at + 1):
        ahead.context_W[k] = state.context_W[k + room - 1 - at]
    ahead.last_2[0], ahead.last_2[1] = state.last_2[0], state.last_2[1]
    ahead.cursor_2[0], ahead.cursor_2[1] = state.cursor_2[0], state.cursor_2[1]
    if node > 0:
        parent = nodes.parents_N[node]
        ahead.last_2[0] = nodes.tokens_N[parent]
        ahead.last_2[1] = nodes.tokens_N[node]
        ahead.cursor_2[0], ahead.cursor_2[1] = nodes.cursors_N2[parent, 0], nodes.cursors_N2[parent, 1]


@compiled
def _queue(
    candidates: Candidates,
    size: int,
    chances_C: NDArray[np.float64],
    nodes: Nodes,
    node: int,
    waiting: Nodes,
    end: int,
    keep: float,
) -> int:
    """Queue the likeliest candidates after ``node``; where the queue ends then."""
    for _ in range(min(size, WIDEST)):
        best = 0
        for c in range(1, size):
            if chances_C[c] > chances_C[best]:
                best = c
        path = nodes.paths_N[node] * chances_C[best]
        if path < keep:
            break
        waiting.tokens_N[end], waiting.parents_N[end] = candidates.tokens_C[best], node
        waiting.chances_N[end], waiting.paths_N[end] = chances_C[best], path
        waiting.positions_N[end], waiting.contributors_N[end] = (
            candidates.positions_C[best],
            candidates.contributors_C[best],
        )
        chances_C[best] = -1.0
        end += 1
    return end


@compiled
def grow(
    context: MixtureContext,
    state: MatchState,
    canonical_V: NDArray[np.int32],
    limit: int,
    keep: float,
    work: Workspace,
    learned: Weights,
) -> tuple[int, int]:
    """Open the tree to ``limit`` nodes, likeliest path first: how many there are, and the root's longest match."""
    nodes, waiting, candidates = work.nodes, work.waiting, work.candidates
    ahead = MatchState(state.context_W.copy(), state.last_2.copy(), state.cursor_2.copy())
    nodes.tokens_N[0], nodes.paths_N[0], nodes.depths_N[0] = state.last_2[1], 1.0, 0
    node, opened, end, root_longest = 0, 0, 0, 0
    while True:
        if nodes.depths_N[node] < DEPTH:
            _go_to(nodes, node, state, canonical_V, ahead)
            size, total, longest = collect(context, ahead.context_W, ahead.last_2, ahead.cursor_2, candidates)
            nodes.cursors_N2[node, 0], nodes.cursors_N2[node, 1] = ahead.cursor_2[0], ahead.cursor_2[1]
            root_longest = longest if node == 0 else root_longest
            describe(context, candidates, size, total, longest, work.rows)
            score(work.rows, size, learned.weights_F, work.chances_C)
            end = _queue(candidates, size, work.chances_C, nodes, node, waiting, end, keep)
            clear(candidates, size)
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
        nodes.positions_N[node], nodes.contributors_N[node] = waiting.positions_N[best], waiting.contributors_N[best]
        nodes.depths_N[node] = nodes.depths_N[nodes.parents_N[node]] + 1
        waiting.paths_N[best] = -1.0


@compiled
def append_and_learn(
    context: MixtureContext, state: MatchState, canonical_V: NDArray[np.int32], new_N: NDArray[np.int32], skip: int,
    work: Workspace, learned: Weights, rate: float,
) -> None:  # fmt: skip
    """Learn from each committed token in turn but the first ``skip``, then append it to the text, which has room."""
    last = state.context_W.size - 1
    canonical_N = new_N.copy()
    for step in range(new_N.size):
        token = new_N[step]
        if token < canonical_V.size:
            canonical_N[step] = canonical_V[token]
        if step >= skip:
            learn(context, state, token, work, learned, rate)
        append(context.text, context.sizes_3[0], new_N[step : step + 1], canonical_N[step : step + 1])
        context.sizes_3[0] += 1
        context.written_K[token] += 1
        for k in range(last):
            state.context_W[k] = state.context_W[k + 1]
        state.context_W[last] = canonical_N[step]
        state.last_2[0], state.last_2[1] = state.last_2[1], token


@compiled
def mark_similar(context: MixtureContext, recent: int, rare: int, reach: int) -> None:
    """Count, at each position, how many of the latest ``recent`` rare tokens of the text stand just before it."""
    text, size = context.text, context.sizes_3[0]
    context.similar_T[:] = 0
    for at in range(max(size - recent, context.sizes_3[2]), size - 1):
        if text.counts_K[text.ids_T[at]] > rare:
            continue
        position = text.heads_K[text.canonical_T[at]]
        for _ in range(2 * rare):
            if position < 0:
                break
            for near in range(position + 1, min(position + 1 + reach, size)):
                context.similar_T[near] += 1
            position = text.links_T[position]


@compiled
def learn_and_grow(
    context: MixtureContext, state: MatchState, canonical_V: NDArray[np.int32], new_N: NDArray[np.int32], skip: int,
    recent: int, rare: int, reach: int, limit: int, keep: float, work: Workspace, learned: Weights, rate: float,
) -> tuple[int, int]:  # fmt: skip
    """Learn from what was committed, append it, and open the next tree: how many nodes, the root's longest match."""
    append_and_learn(context, state, canonical_V, new_N, skip, work, learned, rate)
    mark_similar(context, recent, rare, reach)
    return grow(context, state, canonical_V, limit, keep, work, learned)
