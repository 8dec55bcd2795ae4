"""Trees from guesses for each place ahead: which combinations of them are likeliest.

The guesses for a place do not depend on the places before it, so their combinations are a Cartesian product.
Medusa (Cai et al. 2024) verifies a fixed part of it; here the likeliest paths are opened first.
"""

from __future__ import annotations

import heapq
from typing import Final

from decoding.drafters.medusa_heads import Ranked
from decoding.interfaces import NO_ORIGIN, Draft

# A path less likely than this is never worth a node.
_WORTH: Final = 0.002

_Path = tuple[float, tuple[int, ...], tuple[float, ...]]


def combined(ranked: Ranked, limit: int) -> list[Draft]:
    """Chains of at most ``limit`` nodes in all: the likeliest token of each place, then the likeliest other paths."""
    places = ranked[:limit]
    if not places:
        return []
    first = tuple(place[0][0] for place in places)
    paths: dict[tuple[int, ...], tuple[float, ...]] = {
        first[: depth + 1]: tuple(place[0][1] for place in places[: depth + 1]) for depth in range(len(first))
    }
    heap: list[_Path] = [(-chance, (token,), (chance,)) for token, chance in places[0]]
    heapq.heapify(heap)
    while heap and len(paths) < limit:
        negative, path, chances = heapq.heappop(heap)
        if -negative < _WORTH:
            break
        paths.setdefault(path, chances)
        if len(path) < len(places):
            for token, chance in places[len(path)]:
                heapq.heappush(heap, (negative * chance, (*path, token), (*chances, chance)))
    inner = {path[:-1] for path in paths}
    return [Draft(path, chances, (NO_ORIGIN,) * len(path)) for path, chances in paths.items() if path not in inner]
