"""An n-gram index: a text of token ids in which every earlier position after a given token is found at once.

A position is that of a token that may be copied next. Positions after tokens that differ only in case or in the space
before them (as ``The`` and `` the``) match each other: these tokens have one canonical id, and the positions are linked
from the latest to the earliest. A border stands between texts that do not belong together. The arrays that kernels read
are apart from the ``Text`` that grows them. ``context_W`` holds the canonical ids of the last tokens, the latest last,
NO_TOKEN where there is none.

K ids: ``heads_K`` is indexed by canonical id, ``counts_K`` by the id as it stands in the text. N new tokens, P
positions, T tokens of the text, V vocabulary, W tokens of the context that is matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.compiled import compiled

# Tokens of a match that are compared at most.
MAX_MATCH = 12
# Looked at are the latest CHAIN positions of an id. Of those with a match of one token the latest SHORT_POSITIONS are
# found, of all together the latest MOST_POSITIONS.
SHORT_POSITIONS = 96
CHAIN = 4096
MOST_POSITIONS = 512
NO_TOKEN = -2
BORDER = -1
NO_POSITION = -1
# An id from here on is taken for a border: arrays are indexed by id.
_MOST_IDS = 2**24


@compiled
def append(text: TextArrays, size: int, new_N: NDArray[np.int32], canonical_N: NDArray[np.int32]) -> None:
    """Write ``new_N`` after ``size`` tokens and link the position after each."""
    for step in range(new_N.size):
        at, token, canonical = size + step, new_N[step], canonical_N[step]
        text.ids_T[at] = token
        text.canonical_T[at] = canonical
        if token >= 0:
            text.links_T[at + 1] = text.heads_K[canonical]
            text.heads_K[canonical] = at + 1
            text.counts_K[token] += 1


@compiled
def match_length(text: TextArrays, position: int, context_W: NDArray[np.int32], most: int) -> int:
    """How many tokens before ``position`` match the end of the context; the first is known to."""
    length, last = 1, context_W.size - 1
    while length < most and length < position and text.canonical_T[position - 1 - length] == context_W[last - length]:
        length += 1
    return length


@compiled
def find_positions(
    text: TextArrays,
    size: int,
    context_W: NDArray[np.int32],
    most: int,
    chain: int,
    positions_P: NDArray[np.int32],
    lengths_P: NDArray[np.int32],
) -> int:
    """Fill in the positions that the context matches, the latest first, with their lengths; how many there are."""
    canonical, count, short = context_W[-1], 0, 0
    if canonical < 0 or canonical >= text.heads_K.size:
        return 0
    position = text.heads_K[canonical]
    for _ in range(chain):
        if position < 0 or count == positions_P.size:
            break
        if position < size and text.ids_T[position] >= 0:
            length = match_length(text, position, context_W, most)
            short += length == 1
            if length > 1 or short <= SHORT_POSITIONS:
                positions_P[count] = position
                lengths_P[count] = length
                count += 1
        position = text.links_T[position]
    return count


class TextArrays(NamedTuple):
    """What the kernels read: ids and canonical ids by position, the link of each position to the one before, the latest
    position of each canonical id, and how often each id stands in the text.
    """

    ids_T: NDArray[np.int32]
    canonical_T: NDArray[np.int32]
    links_T: NDArray[np.int32]
    heads_K: NDArray[np.int32]
    counts_K: NDArray[np.int32]


class Text:
    """A text that grows at its end. ``canonical_V`` maps an id to the canonical one; ids beyond its end are their own.

    ``room``: for how many tokens the arrays are made at first.
    """

    def __init__(self, canonical_V: NDArray[np.int32] | None = None, *, room: int = 256) -> None:
        self._canonical_V = canonical_V if canonical_V is not None else np.empty(0, dtype=np.int32)
        self.size = 0
        top = max(self._canonical_V.size, 1)
        self.arrays = TextArrays(
            np.zeros(room, np.int32), np.zeros(room, np.int32), np.full(room + 1, NO_POSITION, np.int32),
            np.full(top, NO_POSITION, np.int32), np.zeros(top, np.int32),
        )  # fmt: skip

    def extend(self, tokens: Sequence[int]) -> None:
        """Append tokens; BORDER may be among them."""
        if not len(tokens):
            return
        new_N = np.array(tokens, dtype=np.int32)
        new_N[(new_N < 0) | (new_N >= _MOST_IDS)] = BORDER  # A reference may hold anything.
        self.make_room(new_N.size, int(new_N.max()) + 1)
        append(self.arrays, self.size, new_N, self.canonical_of(new_N))
        self.size += new_N.size

    def canonical_of(self, ids_N: NDArray[np.int32]) -> NDArray[np.int32]:
        """(N) the canonical id of each id."""
        canonical_N = ids_N.copy()
        known_N = (ids_N >= 0) & (ids_N < self._canonical_V.size)
        canonical_N[known_N] = self._canonical_V[ids_N[known_N]]
        return canonical_N

    def make_room(self, more: int, top: int) -> bool:
        """Room for ``more`` tokens with ids below ``top``; whether the arrays are new ones for it.

        They are new together: who still reads the old ones must find no position that only the new ones have.
        """
        ids_T, canonical_T, links_T, heads_K, counts_K = self.arrays
        is_long, is_wide = self.size + more > ids_T.size, top > heads_K.size
        if not is_long and not is_wide:
            return False
        room = 2 * (self.size + more) if is_long else ids_T.size
        ids = top + 64 if is_wide else heads_K.size
        self.arrays = TextArrays(
            _longer(ids_T, room, 0), _longer(canonical_T, room, 0), _longer(links_T, room + 1, NO_POSITION),
            _longer(heads_K, ids, NO_POSITION), _longer(counts_K, ids, 0),
        )  # fmt: skip
        return True


def _longer(array_N: NDArray[np.int32], size: int, fill: int) -> NDArray[np.int32]:
    grown = np.full(size, fill, dtype=np.int32)
    grown[: array_N.size] = array_N
    return grown
