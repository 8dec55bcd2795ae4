"""Kernels that collect the candidates for the next token after a context, and what speaks for each of them.

Three parts contribute: copying (positions in prompt, references and output, and a few tokens on from where copying
last broke off), history (the counts of earlier outputs) and phrases (counts of prose).

C candidates, K ids, L lengths of a match, O orders (lengths) of contexts, P positions, S slots of a hash table, T
tokens of the text, W tokens of the context that is matched. The arrays of ``Phrases`` keep the letters of their own
module: there C is contexts and S is successors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.compiled import compiled
from decoding.sources.blend.ngram_index import CHAIN, MAX_MATCH, MOST_POSITIONS, NO_POSITION, TextArrays, find_positions
from decoding.sources.blend.phrases import Phrases

# Bits of the parts that contributed a candidate: copying, history, phrases.
COPIED, RECALLED, COMMON = 1, 2, 4
# Candidates at most, and the slots of the hash table that finds them by token.
MOST = 384
_SLOTS = 2048
# History: contexts of 1 to ORDERS tokens, the latest so many positions of a token, what is taken off each count.
ORDERS = 3
_RECALLED_CHAIN = 1024
_DISCOUNT = 0.6
# Positions before and after the cursor that count as near; those offered after copying broke off; and the age, in
# tokens since then, from which on none are offered.
NEAR_BEFORE, NEAR_AHEAD = 1, 12
_RESUME_BEFORE, _RESUME_AHEAD, FRESH = 1, 6, 8
# What a position counts among the votes, by the length of its match, and what "none of them" counts. Learning does not
# change these; it weighs the share of the votes that they give.
WEIGHTS_L = np.array((0.0, 1.0, 2.5, 6.0, 10.0, 15.0, 22.0, 30.0, 40.0, 50.0, 60.0, 75.0, 90.0))
DOUBT = 1.2


class MixtureContext(NamedTuple):
    """All that a session drafts from. ``sizes_3``: tokens of ``text`` and of ``history``, and where the output starts
    in ``text``; ``similar_T``: how many of the latest rare output tokens stand just before each position of ``text``;
    ``written_K``: how often each id was written.
    """

    text: TextArrays
    history: TextArrays
    phrases: Phrases
    sizes_3: NDArray[np.int64]
    similar_T: NDArray[np.int32]
    written_K: NDArray[np.int32]


class Candidates(NamedTuple):
    """Workspace, C rows: the token, the sum of its positions' weights, its longest match and the position of that;
    whether a position of it is near the cursor, how similar what stands before it is, which step from the cursor it is
    (0: none), its history counts by order, its probabilities in history and prose, and which parts contributed it, as
    bits.
    """

    tokens_C: NDArray[np.int32]
    votes_C: NDArray[np.float64]
    longest_C: NDArray[np.int32]
    positions_C: NDArray[np.int32]
    near_C: NDArray[np.int32]
    similar_C: NDArray[np.int32]
    resumes_C: NDArray[np.int32]
    recalled_CO: NDArray[np.int32]
    history_C: NDArray[np.float64]
    phrases_C: NDArray[np.float64]
    contributors_C: NDArray[np.int32]
    slots_S: NDArray[np.int32]
    positions_P: NDArray[np.int32]
    lengths_P: NDArray[np.int32]


def new_candidates() -> Candidates:
    """An empty workspace."""

    def ints() -> NDArray[np.int32]:
        return np.zeros(MOST, np.int32)

    def floats() -> NDArray[np.float64]:
        return np.zeros(MOST)

    return Candidates(
        ints(), floats(), ints(), ints(), ints(), ints(), ints(), np.zeros((MOST, ORDERS), np.int32), floats(),
        floats(), ints(), np.full(_SLOTS, -1, np.int32), np.zeros(MOST_POSITIONS, np.int32),
        np.zeros(MOST_POSITIONS, np.int32),
    )  # fmt: skip


@compiled
def clear(candidates: Candidates, size: int) -> None:
    """Empty the workspace of ``size`` candidates."""
    for c in range(size):
        slot = candidates.tokens_C[c] * 7919 % _SLOTS
        while candidates.slots_S[slot] != -1:
            candidates.slots_S[slot] = -1
            slot = (slot + 1) % _SLOTS


@compiled
def row_of(candidates: Candidates, size: int, token: int) -> int:
    """The row of ``token``; ``size`` if it is a new one, -1 if there is no room."""
    slot = token * 7919 % _SLOTS
    while candidates.slots_S[slot] != -1:
        if candidates.tokens_C[candidates.slots_S[slot]] == token:
            return int(candidates.slots_S[slot])
        slot = (slot + 1) % _SLOTS
    if size == MOST:
        return -1
    candidates.slots_S[slot] = size
    candidates.tokens_C[size] = token
    candidates.votes_C[size] = 0.0
    candidates.longest_C[size] = 0
    candidates.positions_C[size] = NO_POSITION
    candidates.near_C[size] = 0
    candidates.similar_C[size] = 0
    candidates.resumes_C[size] = 0
    candidates.recalled_CO[size] = 0
    candidates.history_C[size] = 0.0
    candidates.phrases_C[size] = 0.0
    candidates.contributors_C[size] = 0
    return size


@compiled
def move_cursor(candidates: Candidates, positions: int, cursor: int, age: int) -> tuple[int, int]:
    """Where copying goes on after a token: at its longest match, else near the old cursor, which grows older."""
    best, best_length, best_distance = NO_POSITION, 1, 0
    for p in range(positions):
        position, length = candidates.positions_P[p], candidates.lengths_P[p]
        distance = abs(position - cursor - 1) if cursor >= 0 else 0
        if length > best_length or (length == best_length and length > 1 and distance < best_distance):
            best, best_length, best_distance = position, length, distance
    if best != NO_POSITION:
        return best, 0
    if cursor >= 0 and age < FRESH:
        for p in range(positions):
            if 0 <= candidates.positions_P[p] - cursor - 1 <= FRESH:
                return candidates.positions_P[p], 0
    return cursor, age + 1


@compiled
def add_copied(
    context: MixtureContext, candidates: Candidates, positions: int, cursor: int, size: int
) -> tuple[int, float, int]:
    """Candidates at the first ``positions`` positions: how many there are, the weight of all, the longest match."""
    total, longest = DOUBT, 0
    for p in range(positions):
        position, length = candidates.positions_P[p], candidates.lengths_P[p]
        c = row_of(candidates, size, context.text.ids_T[position])
        if c < 0:
            continue
        size = max(size, c + 1)
        weight = WEIGHTS_L[length]
        total += weight
        longest = max(longest, length)
        candidates.votes_C[c] += weight
        candidates.contributors_C[c] |= COPIED
        if cursor >= 0 and -NEAR_BEFORE <= position - cursor <= NEAR_AHEAD:
            candidates.near_C[c] = 1
        if length > candidates.longest_C[c]:
            candidates.longest_C[c], candidates.positions_C[c], candidates.similar_C[c] = length, position, 0
        if length == candidates.longest_C[c]:
            candidates.similar_C[c] = max(candidates.similar_C[c], context.similar_T[position])
    return size, total, longest


@compiled
def add_resumed(context: MixtureContext, candidates: Candidates, cursor: int, age: int, size: int) -> int:
    """Candidates a few tokens on from where copying broke off; how many candidates there are then."""
    if cursor < 0 or age >= FRESH:
        return size
    band = 0 if age == 0 else 1 if age < 3 else 2
    for step in range(-_RESUME_BEFORE, _RESUME_AHEAD):
        position = cursor + step
        if not 0 <= position < context.sizes_3[2] or (age == 0 and step <= 0):
            continue
        token = context.text.ids_T[position]
        if token < 0:
            continue
        c = row_of(candidates, size, token)
        if c < 0:
            continue
        size = max(size, c + 1)
        if candidates.positions_C[c] < 0:
            candidates.positions_C[c] = position
        if candidates.resumes_C[c] == 0:
            candidates.resumes_C[c] = 1 + band * 4 + min(step + 1, 3)
    return size


@compiled
def add_recalled(context: MixtureContext, context_W: NDArray[np.int32], candidates: Candidates, size: int) -> int:
    """Candidates of earlier outputs, with interpolated discounted probabilities; how many candidates there are then."""
    text = context.history
    positions = find_positions(
        text, context.sizes_3[1], context_W, ORDERS, _RECALLED_CHAIN, candidates.positions_P, candidates.lengths_P
    )
    totals_O, kinds_O = np.zeros(ORDERS), np.zeros(ORDERS)
    for p in range(positions):
        c = row_of(candidates, size, text.ids_T[candidates.positions_P[p]])
        if c >= 0:
            size = max(size, c + 1)
            candidates.contributors_C[c] |= RECALLED
            for order in range(candidates.lengths_P[p]):
                kinds_O[order] += candidates.recalled_CO[c, order] == 0
                candidates.recalled_CO[c, order] += 1
                totals_O[order] += 1
    if positions:
        for c in range(size):
            left = 1.0
            for order in range(ORDERS - 1, -1, -1):
                if totals_O[order] > 0:
                    candidates.history_C[c] += (
                        left * max(candidates.recalled_CO[c, order] - _DISCOUNT, 0.0) / totals_O[order]
                    )
                    left *= _DISCOUNT * kinds_O[order] / totals_O[order]
    return size


@compiled
def add_common(phrases: Phrases, before: int, last: int, candidates: Candidates, size: int) -> int:
    """Candidates of prose, the shorter context filling up what the longer one leaves; how many there are then."""
    left = 1.0
    for order in (2, 1, 0):
        key = 0
        if order > 0:
            key = last + 1
        if order == 2:
            key |= (before + 1) << 32
        at = np.searchsorted(phrases.keys_C, key)
        if at == phrases.keys_C.size or phrases.keys_C[at] != key:
            continue
        for s in range(phrases.starts_C[at], phrases.starts_C[at + 1]):
            c = row_of(candidates, size, phrases.tokens_S[s])
            if c >= 0:
                size = max(size, c + 1)
                candidates.phrases_C[c] += left * phrases.chances_S[s]
                candidates.contributors_C[c] |= COMMON
        left *= phrases.rest_C[at]
    return size


@compiled
def collect(
    context: MixtureContext,
    context_W: NDArray[np.int32],
    last_2: NDArray[np.int32],
    cursor_2: NDArray[np.int64],
    candidates: Candidates,
) -> tuple[int, float, int]:
    """All candidates after a context: how many, the log of the weight of all positions, the longest match.

    ``last_2`` are the last two ids; ``cursor_2`` is the cursor and its age, which are moved.
    """
    positions = find_positions(
        context.text, context.sizes_3[0], context_W, MAX_MATCH, CHAIN, candidates.positions_P, candidates.lengths_P
    )
    cursor, age = move_cursor(candidates, positions, cursor_2[0], cursor_2[1])
    cursor_2[0], cursor_2[1] = cursor, age
    size, total, longest = add_copied(context, candidates, positions, cursor, 0)
    size = add_resumed(context, candidates, cursor, age, size)
    size = add_recalled(context, context_W, candidates, size)
    size = add_common(context.phrases, last_2[0], last_2[1], candidates, size)
    return size, math.log(total), longest
