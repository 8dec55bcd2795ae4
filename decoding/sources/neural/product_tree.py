"""Trees from guesses for each position ahead: which combinations of them are likeliest.

The guesses for a position do not depend on the tokens before it, so their combinations are a Cartesian product.
Medusa (Cai et al. 2024) verifies a fixed part of it; here the likeliest paths are opened first.
"""

from __future__ import annotations

import heapq
from typing import Final

from decoding.drafters.medusa_heads import Ranked
from decoding.tree import DraftTree

# A path less likely than this is never worth a node.
_WORTH: Final = 0.002


def product_tree(ranked: Ranked, limit: int) -> DraftTree:
    """A tree of at most ``limit`` nodes: the likeliest token of each position, then the likeliest other paths."""
    positions = ranked[:limit]
    if not positions:
        return DraftTree()
    first = tuple(guesses[0][0] for guesses in positions)
    paths = {first[: depth + 1]: guesses[0][1] for depth, guesses in enumerate(positions)}
    heap: list[tuple[float, tuple[int, ...], float]] = [(-chance, (token,), chance) for token, chance in positions[0]]
    heapq.heapify(heap)
    while heap and len(paths) < limit:
        negative, path, last = heapq.heappop(heap)
        if -negative < _WORTH:
            break
        paths.setdefault(path, last)
        if len(path) < len(positions):
            for token, chance in positions[len(path)]:
                heapq.heappush(heap, (negative * chance, (*path, token), chance))
    return DraftTree.from_paths(paths)
