"""Kernels that collect the candidates for the next token after a context, and what speaks for each of them.

Three voices: copying (places in prompt, references and output, and a few tokens on from where copying last broke
off), history (the counts of earlier outputs) and phrases (counts of prose). C candidates, F features, P places.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.compiled import compiled
from decoding.sources.blend.ngram_index import CHAIN, MAX_MATCH, MOST_PLACES, NOWHERE, TextArrays, find_places
from decoding.sources.blend.phrases import Phrases

COPIED, RECALLED, COMMON = 1, 2, 4
MOST = 384
_SLOTS = 2048
ORDERS = 3
_RECALLED_CHAIN = 1024
_DISCOUNT = 0.6
# Tokens around the cursor that count as near, and those offered after copying broke off, while it is fresh.
NEAR_BEHIND, NEAR_AHEAD = 1, 12
_RESUME_BEHIND, _RESUME_AHEAD, FRESH = 1, 6, 8
# Weight of a place by the length of its match, and of "none of these places", before anything is learned.
WEIGHTS_L = np.array((0.0, 1.0, 2.5, 6.0, 10.0, 15.0, 22.0, 30.0, 40.0, 50.0, 60.0, 75.0, 90.0))
DOUBT = 1.2


class MixtureContext(NamedTuple):
    """All that a session drafts from. ``sizes_3``: tokens of ``text`` and of ``history``, and where the output starts
    in ``text``; ``similar_T``: how many of the latest rare output tokens stand just before each place of ``text``;
    ``written_K``: how often each id was written.
    """

    text: TextArrays
    history: TextArrays
    phrases: Phrases
    sizes_3: NDArray[np.int64]
    similar_T: NDArray[np.int32]
    written_K: NDArray[np.int32]


class Candidates(NamedTuple):
    """Workspace, C rows: the token, the sum of its places' weights, its longest match and that one's place; whether a
    place of it is near the cursor, how similar what stands before it is, which step from the cursor it is (0: none),
    its history counts by order, its chances in history and prose, and the voices that named it.
    """

    tokens_C: NDArray[np.int32]
    votes_C: NDArray[np.float64]
    longest_C: NDArray[np.int32]
    places_C: NDArray[np.int32]
    near_C: NDArray[np.int32]
    similar_C: NDArray[np.int32]
    resumes_C: NDArray[np.int32]
    recalled_CO: NDArray[np.int32]
    history_C: NDArray[np.float64]
    phrases_C: NDArray[np.float64]
    voices_C: NDArray[np.int32]
    slots_S: NDArray[np.int32]
    places_P: NDArray[np.int32]
    lengths_P: NDArray[np.int32]


def new_candidates() -> Candidates:
    """An empty workspace."""

    def ints() -> NDArray[np.int32]:
        return np.zeros(MOST, np.int32)

    def floats() -> NDArray[np.float64]:
        return np.zeros(MOST)

    return Candidates(
        ints(), floats(), ints(), ints(), ints(), ints(), ints(), np.zeros((MOST, ORDERS), np.int32), floats(),
        floats(), ints(), np.full(_SLOTS, -1, np.int32), np.zeros(MOST_PLACES, np.int32),
        np.zeros(MOST_PLACES, np.int32),
    )  # fmt: skip


@compiled
def forget(found: Candidates, size: int) -> None:
    """Empty the workspace of ``size`` candidates."""
    for c in range(size):
        slot = found.tokens_C[c] * 7919 % _SLOTS
        while found.slots_S[slot] != -1:
            found.slots_S[slot] = -1
            slot = (slot + 1) % _SLOTS


@compiled
def candidate(found: Candidates, size: int, token: int) -> int:
    """The row of ``token``; ``size`` if it is a new one, -1 if there is no room."""
    slot = token * 7919 % _SLOTS
    while found.slots_S[slot] != -1:
        if found.tokens_C[found.slots_S[slot]] == token:
            return int(found.slots_S[slot])
        slot = (slot + 1) % _SLOTS
    if size == MOST:
        return -1
    found.slots_S[slot] = size
    found.tokens_C[size] = token
    found.votes_C[size] = 0.0
    found.longest_C[size] = 0
    found.places_C[size] = NOWHERE
    found.near_C[size] = 0
    found.similar_C[size] = 0
    found.resumes_C[size] = 0
    found.recalled_CO[size] = 0
    found.history_C[size] = 0.0
    found.phrases_C[size] = 0.0
    found.voices_C[size] = 0
    return size


@compiled
def moved_cursor(found: Candidates, places: int, cursor: int, age: int) -> tuple[int, int]:
    """Where copying goes on after a token: at its longest match, else near the old cursor, which grows older."""
    best, best_length, best_distance = NOWHERE, 1, 0
    for p in range(places):
        place, length = found.places_P[p], found.lengths_P[p]
        distance = abs(place - cursor - 1) if cursor >= 0 else 0
        if length > best_length or (length == best_length and length > 1 and distance < best_distance):
            best, best_length, best_distance = place, length, distance
    if best != NOWHERE:
        return best, 0
    if cursor >= 0 and age < FRESH:
        for p in range(places):
            if 0 <= found.places_P[p] - cursor - 1 <= FRESH:
                return found.places_P[p], 0
    return cursor, age + 1


@compiled
def copied(seen: MixtureContext, found: Candidates, places: int, cursor: int, size: int) -> tuple[int, float, int]:
    """Candidates at the places found: how many there are, the weight of all places, the longest match."""
    total, longest = DOUBT, 0
    for p in range(places):
        place, length = found.places_P[p], found.lengths_P[p]
        c = candidate(found, size, seen.text.ids_T[place])
        if c < 0:
            continue
        size = max(size, c + 1)
        weight = WEIGHTS_L[length]
        total += weight
        longest = max(longest, length)
        found.votes_C[c] += weight
        found.voices_C[c] |= COPIED
        if cursor >= 0 and -NEAR_BEHIND <= place - cursor <= NEAR_AHEAD:
            found.near_C[c] = 1
        if length > found.longest_C[c]:
            found.longest_C[c], found.places_C[c], found.similar_C[c] = length, place, 0
        if length == found.longest_C[c]:
            found.similar_C[c] = max(found.similar_C[c], seen.similar_T[place])
    return size, total, longest


@compiled
def resumed(seen: MixtureContext, found: Candidates, cursor: int, age: int, size: int) -> int:
    """Candidates a few tokens on from where copying broke off; how many candidates there are then."""
    if cursor < 0 or age >= FRESH:
        return size
    band = 0 if age == 0 else 1 if age < 3 else 2
    for step in range(-_RESUME_BEHIND, _RESUME_AHEAD):
        place = cursor + step
        if not 0 <= place < seen.sizes_3[2] or (age == 0 and step <= 0):
            continue
        token = seen.text.ids_T[place]
        if token < 0:
            continue
        c = candidate(found, size, token)
        if c < 0:
            continue
        size = max(size, c + 1)
        if found.places_C[c] < 0:
            found.places_C[c] = place
        if found.resumes_C[c] == 0:
            found.resumes_C[c] = 1 + band * 4 + min(step + 1, 3)
    return size


@compiled
def recalled(seen: MixtureContext, context_C: NDArray[np.int32], found: Candidates, size: int) -> int:
    """Candidates of earlier outputs, with interpolated discounted chances; how many candidates there are then."""
    text = seen.history
    places = find_places(text, seen.sizes_3[1], context_C, ORDERS, _RECALLED_CHAIN, found.places_P, found.lengths_P)
    totals_O, kinds_O = np.zeros(ORDERS), np.zeros(ORDERS)
    for p in range(places):
        c = candidate(found, size, text.ids_T[found.places_P[p]])
        if c >= 0:
            size = max(size, c + 1)
            found.voices_C[c] |= RECALLED
            for order in range(found.lengths_P[p]):
                kinds_O[order] += found.recalled_CO[c, order] == 0
                found.recalled_CO[c, order] += 1
                totals_O[order] += 1
    if places:
        for c in range(size):
            left = 1.0
            for order in range(ORDERS - 1, -1, -1):
                if totals_O[order] > 0:
                    found.history_C[c] += left * max(found.recalled_CO[c, order] - _DISCOUNT, 0.0) / totals_O[order]
                    left *= _DISCOUNT * kinds_O[order] / totals_O[order]
    return size


@compiled
def common(phrases: Phrases, before: int, last: int, found: Candidates, size: int) -> int:
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
            c = candidate(found, size, phrases.tokens_S[s])
            if c >= 0:
                size = max(size, c + 1)
                found.phrases_C[c] += left * phrases.chances_S[s]
                found.voices_C[c] |= COMMON
        left *= phrases.rest_C[at]
    return size


@compiled
def collect(
    seen: MixtureContext,
    context_C: NDArray[np.int32],
    last_2: NDArray[np.int32],
    state_2: NDArray[np.int64],
    found: Candidates,
) -> tuple[int, float, int]:
    """All candidates after a context: how many, the weight of all places, the longest match.

    ``last_2`` are the last two ids; ``state_2`` is the cursor and its age, which are moved.
    """
    places = find_places(seen.text, seen.sizes_3[0], context_C, MAX_MATCH, CHAIN, found.places_P, found.lengths_P)
    cursor, age = moved_cursor(found, places, state_2[0], state_2[1])
    state_2[0], state_2[1] = cursor, age
    size, total, longest = copied(seen, found, places, cursor, 0)
    size = resumed(seen, found, cursor, age, size)
    size = recalled(seen, context_C, found, size)
    size = common(seen.phrases, last_2[0], last_2[1], found, size)
    return size, math.log(total), longest
