"""Kernels over a text: appending to it, and finding the places that a context matches. See ``text``; T tokens.

``context_C`` holds the kins of the last tokens, the latest last, NO_TOKEN where there is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.sources.compiled import compiled
from decoding.sources.text import TextArrays

MAX_MATCH = 12
# Places with a match of one token: the latest so many. Longer matches: all among the latest so many of the kin.
SHORT_PLACES = 96
CHAIN = 4096
MOST_PLACES = 512
NO_TOKEN = -2


@compiled
def append(text: TextArrays, size: int, new_N: NDArray[np.int32], kins_N: NDArray[np.int32]) -> None:
    """Write ``new_N`` behind ``size`` tokens and link the place behind each."""
    for step in range(new_N.size):
        at, token, kin = size + step, new_N[step], kins_N[step]
        text.ids_T[at] = token
        text.kins_T[at] = kin
        if token >= 0:
            text.links_T[at + 1] = text.heads_K[kin]
            text.heads_K[kin] = at + 1
            text.counts_K[token] += 1


@compiled
def match_length(text: TextArrays, place: int, context_C: NDArray[np.int32], most: int) -> int:
    """How many tokens before ``place`` are kin to the end of the context; the first is known to be."""
    length, last = 1, context_C.size - 1
    while length < most and length < place and text.kins_T[place - 1 - length] == context_C[last - length]:
        length += 1
    return length


@compiled
def find_places(
    text: TextArrays,
    size: int,
    context_C: NDArray[np.int32],
    most: int,
    chain: int,
    places_P: NDArray[np.int32],
    lengths_P: NDArray[np.int32],
) -> int:
    """Fill in the places that the context matches, the latest first, with their lengths; how many there are."""
    kin, found, short = context_C[-1], 0, 0
    if kin < 0 or kin >= text.heads_K.size:
        return 0
    place = text.heads_K[kin]
    for _ in range(chain):
        if place < 0 or found == places_P.size:
            break
        if place < size and text.ids_T[place] >= 0:
            length = match_length(text, place, context_C, most)
            short += length == 1
            if length > 1 or short <= SHORT_PLACES:
                places_P[found] = place
                lengths_P[found] = length
                found += 1
        place = text.links_T[place]
    return found
