"""Covering designs: few rows in which every two values of any two factors stand together at least once.

Greedy and deterministic: the same factors and seed give the same rows.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence

Row = dict[str, str]
_Pair = tuple[tuple[str, str], tuple[str, str]]
_CANDIDATES = 12


def covering(factors: Mapping[str, Sequence[str]], *, seed: int = 0) -> list[Row]:
    """Rows that cover all pairs. Each begins with a pair that is still open, so that it ends after at most as many
    rows as there are pairs.
    """
    rng = random.Random(seed)
    open_pairs = dict.fromkeys(_pairs(factors))  # A set in order: sets of strings differ from run to run.
    rows = []
    while open_pairs:
        first = next(iter(open_pairs))
        row = max((_grown(factors, first, open_pairs, rng) for _ in range(_CANDIDATES)), key=lambda one: one[0])[1]
        for pair in _of(row, factors):
            open_pairs.pop(pair, None)
        rows.append(row)
    return rows


def uncovered(factors: Mapping[str, Sequence[str]], rows: Sequence[Row]) -> set[_Pair]:
    """Pairs that no row has."""
    return set(_pairs(factors)) - {pair for row in rows for pair in _of(row, factors)}


def _pairs(factors: Mapping[str, Sequence[str]]) -> list[_Pair]:
    return [
        ((one, here), (other, there))
        for one, other in itertools.combinations(factors, 2)
        for here, there in itertools.product(factors[one], factors[other])
    ]


def _of(row: Row, factors: Mapping[str, Sequence[str]]) -> list[_Pair]:
    return list(itertools.combinations([(name, row[name]) for name in factors], 2))


def _grown(
    factors: Mapping[str, Sequence[str]], first: _Pair, open_pairs: Mapping[_Pair, None], rng: random.Random
) -> tuple[int, Row]:
    """A row around ``first``, each further factor with the value that closes most pairs; and how many it closes."""
    row = dict(first)
    rest = [name for name in factors if name not in row]
    rng.shuffle(rest)
    closed = 1
    for name in rest:
        values = list(factors[name])
        rng.shuffle(values)
        gains = [_gain(name, value, row, factors, open_pairs) for value in values]
        best = max(range(len(values)), key=gains.__getitem__)
        closed += gains[best]
        row[name] = values[best]
    return closed, {name: row[name] for name in factors}


def _gain(
    name: str, value: str, row: Row, factors: Mapping[str, Sequence[str]], open_pairs: Mapping[_Pair, None]
) -> int:
    order = list(factors)
    found = 0
    for other, taken in row.items():
        pair = ((other, taken), (name, value))
        found += (pair if order.index(other) < order.index(name) else pair[::-1]) in open_pairs
    return found
