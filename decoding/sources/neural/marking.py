"""A small model reads over a copied chain, in one forward, and marks where it would deviate and with what.

A deviation becomes a branch: its token instead of the copied one, before it, or with the copied one left out; then the
copying goes on. So a copied chain turns into a tree with its likely changes. Knows no sources by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from decoding.interfaces import NO_ORIGIN, Origin
from decoding.sources.neural.draft_cache import DraftModelCache
from decoding.tree import ROOT, DraftTree, TokenTree

if TYPE_CHECKING:
    from decoding.verification.logits import Chances

MARKED: Final = 2
_LEAST_EXPECTED: Final = 1.0
_LEAST_PATH: Final = 0.02
_ALTERNATIVES: Final = 2
# A chance that the copying stands speaks against a deviation, but not all of it: it does not know this position.
_STANDS: Final = 0.7
# After a deviation: how often the copy goes on behind the token replaced, or with it (an insertion), or behind the
# tokens left out; how often it then goes on going on; for how many tokens.
_REPLACED, _INSERTED, _LEFT_OUT, _THEN, _RESUMED = 0.5, 0.3, 0.6, 0.85, 5
_LOOK_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class CopiedChain:
    """The likeliest path of a merged tree, with the chance of each token given the ones before it, and its origin."""

    tokens: tuple[int, ...]
    chances: tuple[float, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class _Branch:
    """``length`` tokens of the chain, then ``token``, then the chain again from ``resume`` on with chance ``first``."""

    path: float
    length: int
    token: int
    chance: float
    resume: int
    first: float


def copied_chain(tree: TokenTree) -> CopiedChain | None:
    """The likeliest path, cut where it is hardly likely; None if less than a token of it is expected to be accepted."""
    node, path = ROOT, 1.0
    tokens: list[int] = []
    chances: list[float] = []
    origins: list[Origin] = []
    expected = 0.0
    while tree.children[node]:
        node = max(tree.children[node].values(), key=tree.probabilities.__getitem__)
        reached = min(path, tree.probabilities[node])
        if reached < _LEAST_PATH:
            break
        tokens.append(tree.tokens[node])
        origins.append(tree.origins[node])
        chances.append(reached / path)
        path = reached
        expected += reached
    if expected < _LEAST_EXPECTED:
        return None
    return CopiedChain(tuple(tokens), tuple(chances), tuple(origins))


def mark(cache: DraftModelCache, output: Sequence[int], chain: CopiedChain, *, limit: int) -> DraftTree:
    """The chain with the small model's chances, then its branches, best first: at most ``limit`` tokens beside it."""
    ids = chain.tokens[: max(1, limit)]
    reading = cache.read(output, [ids])
    # Behind the chain's last token nothing was copied: any id will do.
    prefixes = [ids[:length] for length in range(len(ids) + 1)]
    said = reading.chances(prefixes, [*ids, ids[-1]], k=1 + _ALTERNATIVES)
    own = said.asked[:-1]
    trusted = [max(pair) for pair in zip(own, chain.chances, strict=False)]
    drafts, left = [DraftTree.chain(ids, own, origins=chain.origins[: len(ids)], bucket=MARKED)], limit
    for branch in _branches(ids, chain.chances, trusted, said):
        again = slice(branch.resume, min(branch.resume + _RESUMED, len(ids)))
        resumed = ids[again]
        if left <= len(resumed):
            break
        left -= 1 + len(resumed)
        goes_on = (branch.first, *[_THEN] * (len(resumed) - 1))[: len(resumed)]
        chances = (*trusted[: branch.length], branch.chance, *goes_on)
        origins = (*chain.origins[: branch.length], NO_ORIGIN, *chain.origins[again])
        path = (*ids[: branch.length], branch.token, *resumed)
        drafts.append(DraftTree.chain(path, chances, origins=origins, bucket=MARKED))
    return DraftTree.side_by_side(drafts)


def _branches(
    ids: tuple[int, ...],
    copied: Sequence[float],
    trusted: Sequence[float],
    said: Chances,
) -> list[_Branch]:
    branches: list[_Branch] = []
    path = 1.0
    for length, best in enumerate(said.best):
        stands = copied[length] if length < len(ids) else 0.0
        next_copied = ids[length] if length < len(ids) else None
        for token, likely in best:
            chance = likely * (1 - _STANDS * stands)
            if token != next_copied and path * chance >= _LEAST_PATH:
                branches += [
                    _Branch(path * chance * first, length, token, chance, resume, first)
                    for resume, first in _resumptions(ids, length, token)
                ]
        if length < len(ids):
            path *= trusted[length]
    return sorted(branches, key=lambda branch: (-branch.path, branch.length, branch.token))


def _resumptions(ids: tuple[int, ...], length: int, token: int) -> list[tuple[int, float]]:
    """Where the copy may go on behind ``token``, which stands for ``ids[length]``, with how much chance."""
    ahead = ids[length + 1 : length + 1 + _LOOK_AHEAD]
    if token in ahead:
        return [(length + 2 + ahead.index(token), _LEFT_OUT)]
    return [(length + 1, _REPLACED), (length, _INSERTED)] if length < len(ids) else [(length, 1.0)]
