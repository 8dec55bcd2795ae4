"""Trees from guesses for each place ahead: which combinations of them are likeliest.

The guesses for a place do not depend on the places before it, so their combinations are a Cartesian product.
Medusa (Cai et al. 2024) verifies a fixed part of it; here the likeliest paths are opened first.
"""

from __future__ import annotations

import heapq
from typing import Final

from decoding.drafters.medusa_heads import Ranked
from decoding.tree import DraftTree

# A path less likely than this is never worth a node.
_WORTH: Final = 0.002


def combined(ranked: Ranked, limit: int) -> DraftTree:
    """A tree of at most ``limit`` nodes: the likeliest token of each place, then the likeliest other paths."""
    places = ranked[:limit]
    if not places:
        return DraftTree()
    first = tuple(place[0][0] for place in places)
    paths = {first[: depth + 1]: place[0][1] for depth, place in enumerate(places)}
    heap: list[tuple[float, tuple[int, ...], float]] = [(-chance, (token,), chance) for token, chance in places[0]]
    heapq.heapify(heap)
    while heap and len(paths) < limit:
        negative, path, last = heapq.heappop(heap)
        if -negative < _WORTH:
            break
        paths.setdefault(path, last)
        if len(path) < len(places):
            for token, chance in places[len(path)]:
                heapq.heappush(heap, (negative * chance, (*path, token), chance))
    return DraftTree.from_paths(paths)
