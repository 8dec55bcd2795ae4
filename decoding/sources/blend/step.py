"""Kernels of a step of the mixture: what was committed is learned from and appended, then the next tree is opened.

Everything in one call, since from Python each call costs as much as a small tree. T tokens, K kins, N new tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.candidates import MixtureContext
from decoding.sources.blend.compiled import compiled
from decoding.sources.blend.mixture import Position, Workspace, grow, learn
from decoding.sources.blend.ngram_index import append
from decoding.sources.blend.weights import Weights


@compiled
def append_and_learn(
    seen: MixtureContext, here: Position, kin_K: NDArray[np.int32], new_N: NDArray[np.int32], skip: int,
    work: Workspace, learned: Weights, rate: float,
) -> None:  # fmt: skip
    """Learn from each committed token in turn but the first ``skip``, then append it to the text, which has room."""
    last = here.context_C.size - 1
    kins_N = new_N.copy()
    for step in range(new_N.size):
        token = new_N[step]
        if token < kin_K.size:
            kins_N[step] = kin_K[token]
        if step >= skip:
            learn(seen, here, token, work, learned, rate)
        append(seen.text, seen.sizes_3[0], new_N[step : step + 1], kins_N[step : step + 1])
        seen.sizes_3[0] += 1
        seen.written_K[token] += 1
        for k in range(last):
            here.context_C[k] = here.context_C[k + 1]
        here.context_C[last] = kins_N[step]
        here.last_2[0], here.last_2[1] = here.last_2[1], token


@compiled
def mark_similar(seen: MixtureContext, recent: int, rare: int, reach: int) -> None:
    """Count, at each place, which of the latest ``recent`` rare tokens of the text stand just before it."""
    text, size = seen.text, seen.sizes_3[0]
    seen.similar_T[:] = 0
    for at in range(max(size - recent, seen.sizes_3[2]), size - 1):
        if text.counts_K[text.ids_T[at]] > rare:
            continue
        place = text.heads_K[text.kins_T[at]]
        for _ in range(2 * rare):
            if place < 0:
                break
            for near in range(place + 1, min(place + 1 + reach, size)):
                seen.similar_T[near] += 1
            place = text.links_T[place]


@compiled
def advance(
    seen: MixtureContext, here: Position, kin_K: NDArray[np.int32], new_N: NDArray[np.int32], skip: int,
    recent: int, rare: int, reach: int, limit: int, keep: float, work: Workspace, learned: Weights, rate: float,
) -> tuple[int, int]:  # fmt: skip
    """Take up what was committed, and open the next tree: one call, since each costs as much as a small tree."""
    append_and_learn(seen, here, kin_K, new_N, skip, work, learned, rate)
    mark_similar(seen, recent, rare, reach)
    return grow(seen, here, kin_K, limit, keep, work, learned)
