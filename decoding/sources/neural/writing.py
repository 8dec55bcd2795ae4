"""What a small model writes by itself: a chain with its runners-up, a tree grown level by level, a sampled chain.

Knows the model's cache, and nothing of when it is worth asking. V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import Request
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.tree import DraftTree
from decoding.verification import sampling
from decoding.verification.sampling import Stream

WRITTEN: Final = 0
SAMPLED: Final = 1
# No forward is spent behind a path less likely than this; a token is drafted from this path chance on.
_GO_ON: Final = 0.25
_WORTH: Final = 0.03
_RUNNERS_UP: Final = 2
_SAMPLED_CHANCE: Final = 0.7

_Path = tuple[float, tuple[int, ...], tuple[float, ...]]


def write(cache: DraftModelCache, output: Sequence[int], *, limit: int, length: int, odds: float = 1.0) -> DraftTree:
    """The greedy chain of at most ``length`` tokens, a forward each, for as long as it is likely enough.

    It comes first; then the runners-up beside it, which cost no forward of their own: ``limit`` tokens in all.
    ``odds`` is how much likelier the target agrees than the model is sure of itself, as a factor on the odds.
    """
    text, path = list(output), 1.0
    chain: tuple[int, ...] = ()
    chances: tuple[float, ...] = ()
    beside: list[_Path] = []
    while len(chain) < length and (not chain or _agreed(chances, odds) >= _GO_ON):
        best, *others = cache.read(text).chances([()], k=1 + _RUNNERS_UP).best[0]
        beside += [(path * chance, (*chain, token), (*chances, chance)) for token, chance in others]
        token, chance = best
        text.append(token)
        chain, chances, path = (*chain, token), (*chances, chance), path * chance
    likely = [each for each in sorted(beside, reverse=True) if each[0] >= _WORTH]
    paths = {chain[: depth + 1]: chance for depth, chance in enumerate(chances)}
    paths |= {tokens: each[-1] for _, tokens, each in likely[: limit - len(chain)]}
    return DraftTree.from_paths(paths, bucket=WRITTEN)


def grow(
    cache: DraftModelCache, output: Sequence[int], *, limit: int, length: int, width: int, odds: float = 1.0
) -> DraftTree:
    """A tree of at most ``limit`` nodes and ``length`` levels: the ``width`` likeliest paths of each level are gone on
    with, in one forward a level. A parent is never less likely than its child, so the best nodes are a tree.
    """
    grown: list[_Path] = []
    level: list[_Path] = [(1.0, (), ())]
    for _ in range(length):
        chains = [tokens for _, tokens, _ in level]
        best = cache.read(output, chains).chances(chains, k=width).best
        ahead = [
            (path * chance, (*tokens, token), (*chances, chance))
            for (path, tokens, chances), likely in zip(level, best, strict=True)
            for token, chance in likely
        ]
        grown += ahead
        level = sorted(ahead, reverse=True)[:width]
        if _agreed(level[0][2], odds) < _GO_ON:
            break
    # Sorted by path, then by depth: of equals the parent comes first.
    chosen = sorted(grown, key=lambda path: (-path[0], len(path[1])))[:limit]
    return DraftTree.from_paths({tokens: chances[-1] for _, tokens, chances in chosen}, bucket=WRITTEN)


def sample(
    cache: DraftModelCache, output: Sequence[int], request: Request, *, vocab_size: int, length: int
) -> DraftTree:
    """One chain of exactly ``length`` tokens drawn from the model's own distributions, (``vocab_size``) each.

    The noise is a hash of (seed, position) of its own stream. How long the chain is does not depend on its tokens.
    """
    text, chain, drawn = list(output), [], []
    for offset in range(length):
        logits_V = _fitted(cache.read(text).after(), vocab_size)
        position = len(request.prompt) + len(output) + offset
        drawn.append(sampling.distribution(logits_V, request.sampling))
        token = sampling.choose(logits_V, request.sampling, position=position, stream=Stream.DRAFT)
        chain.append(token)
        text.append(token)
    drafted = DraftTree.chain(chain, _SAMPLED_CHANCE, bucket=SAMPLED)
    return replace(drafted, distributions=dict(enumerate(drawn)))


def _agreed(chances: Sequence[float], odds: float) -> float:
    """The chance that the target agrees with a whole path."""
    return math.prod(odds * chance / (1 - chance + odds * chance) for chance in chances)


def _fitted(logits_V: NDArray[np.floating], vocab_size: int) -> NDArray[np.floating]:
    """Padding of another size taken away, or put on as tokens that are never drawn."""
    missing = max(0, vocab_size - logits_V.size)
    return np.pad(logits_V[:vocab_size], (0, missing), constant_values=-np.inf)
