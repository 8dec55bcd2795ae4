"""Kernels over a text: appending to it, and finding the places that a context matches. See ``text``; T tokens.

``context_C`` holds the kins of the last tokens, the latest last, NO_TOKEN where there is none.

Text: tokens in which every earlier place behind a given token is found at once, growing at its end.

A place is the position of the token that may be copied next. Places behind tokens of one kin (as ``The`` and `` the``)
are linked from the latest to the earliest. T tokens, K kins; a border stands between texts that do not belong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.compiled import compiled

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


BORDER = -1
NOWHERE = -1
_IDS = 2**24


class TextArrays(NamedTuple):
    """What the kernels read: ids and kins by position, the link of each place, the latest place of each kin, and how
    often each id stands in the text.
    """

    ids_T: NDArray[np.int32]
    kins_T: NDArray[np.int32]
    links_T: NDArray[np.int32]
    heads_K: NDArray[np.int32]
    counts_K: NDArray[np.int32]


class Text:
    """``kin_V`` maps an id to the id that stands for its kin; ids behind its end are their own kin."""

    def __init__(self, kin_V: NDArray[np.int32] | None = None, *, room: int = 256) -> None:
        self._kin_V = kin_V if kin_V is not None else np.empty(0, dtype=np.int32)
        self.size = 0
        top = max(self._kin_V.size, 1)
        self.arrays = TextArrays(
            np.zeros(room, np.int32), np.zeros(room, np.int32), np.full(room + 1, NOWHERE, np.int32),
            np.full(top, NOWHERE, np.int32), np.zeros(top, np.int32),
        )  # fmt: skip

    def extend(self, tokens: Sequence[int]) -> None:
        """Append tokens; BORDER may be among them."""
        from decoding.sources.blend.ngram_index import append

        if not len(tokens):
            return
        new_N = np.array(tokens, dtype=np.int32)
        new_N[(new_N < 0) | (new_N >= _IDS)] = BORDER  # A reference may hold anything.
        self.make_room(new_N.size, int(new_N.max()) + 1)
        append(self.arrays, self.size, new_N, self.kins_of(new_N))
        self.size += new_N.size

    def kins_of(self, ids_N: NDArray[np.int32]) -> NDArray[np.int32]:
        """The kin of each id."""
        kins_N = ids_N.copy()
        known_N = (ids_N >= 0) & (ids_N < self._kin_V.size)
        kins_N[known_N] = self._kin_V[ids_N[known_N]]
        return kins_N

    def make_room(self, more: int, top: int) -> bool:
        """Room for ``more`` tokens with ids below ``top``; whether the arrays are new ones for it.

        They are new together: who still reads the old ones must not find places in them that only the new ones have.
        """
        ids_T, kins_T, links_T, heads_K, counts_K = self.arrays
        is_long, is_wide = self.size + more > ids_T.size, top > heads_K.size
        if not is_long and not is_wide:
            return False
        room = 2 * (self.size + more) if is_long else ids_T.size
        kins = top + 64 if is_wide else heads_K.size
        self.arrays = TextArrays(
            _longer(ids_T, room, 0), _longer(kins_T, room, 0), _longer(links_T, room + 1, NOWHERE),
            _longer(heads_K, kins, NOWHERE), _longer(counts_K, kins, 0),
        )  # fmt: skip
        return True


def _longer(array_N: NDArray[np.int32], size: int, fill: int) -> NDArray[np.int32]:
    grown = np.full(size, fill, dtype=np.int32)
    grown[: array_N.size] = array_N
    return grown
