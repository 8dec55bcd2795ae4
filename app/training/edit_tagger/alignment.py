"""Which word of a corrected sentence each word of the written one became.

Knows words only. Must not know tags.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

Pair = tuple[int | None, int | None]
"""Indices of a written and a corrected word; None where there is none."""
Alike = Callable[[str, str], bool]

_GAP, _ALIKE, _UNLIKE = 1.0, 0.5, 1.4


def aligned(old: Sequence[str], new: Sequence[str], alike: Alike) -> list[Pair]:
    """Pairs in order: equal words, then in between what is alike, and what costs least."""
    pairs: list[Pair] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal" or j - i == m - k == 1:
            pairs += zip(range(i, j), range(k, m), strict=True)
        elif kind == "replace":
            pairs += _cheapest(old[i:j], new[k:m], i, k, alike)
        else:
            pairs += [(at, None) for at in range(i, j)] + [(None, at) for at in range(k, m)]
    return pairs


def _cheapest(old: Sequence[str], new: Sequence[str], i: int, k: int, alike: Alike) -> list[Pair]:
    """By dynamic programming (Levenshtein 1966)."""
    best: list[list[tuple[float, list[Pair]]]] = [[(0.0, [])]]
    for row in range(len(old) + 1):
        if row:
            best.append([])
        for column in range(len(new) + 1):
            ways: list[tuple[float, list[Pair], Pair]] = []
            if row and column:
                cost, pairs = best[row - 1][column - 1]
                step = _ALIKE if alike(old[row - 1], new[column - 1]) else _UNLIKE
                ways.append((cost + step, pairs, (i + row - 1, k + column - 1)))
            if row:
                cost, pairs = best[row - 1][column]
                ways.append((cost + _GAP, pairs, (i + row - 1, None)))
            if column:
                cost, pairs = best[row][column - 1]
                ways.append((cost + _GAP, pairs, (None, k + column - 1)))
            if ways:
                cost, pairs, last = min(ways, key=lambda way: way[0])
                best[row].append((cost, [*pairs, last]))
    return best[-1][-1][1]
