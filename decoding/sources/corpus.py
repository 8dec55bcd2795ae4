"""Corpus: what follows the end of the output elsewhere in a whole corpus, found in a suffix array over its tokens.

The longest suffix of the output that stands anywhere is looked up, its places are continued, and the most frequent
continuations form a tree. After REST (He et al. 2024), for any vocabulary and without reading the index into memory.
T tokens of the corpus, S places looked at, D depth.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import Commit, Draft, Origin, OriginKind, Request, TokenIndex
from decoding.sources.suffix_array import BORDER

# How far a lone place with a match of m tokens is doubted: it counts 1 against DOUBT / m**2. Set by hand, near what
# the same match is worth inside a prompt; calibration by match length does the rest.
_DOUBT = 2.0
_RAREST = 0.01


@dataclass(frozen=True, slots=True)
class _Match:
    """The last ``length`` tokens stand at ``suffixes_T[low:high]``."""

    length: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Places from ``start`` on, ``count`` of them, agree in the next ``depth`` tokens. ``chance`` is the last one's."""

    depth: int
    start: int
    count: int
    parent: _Run | None
    chance: float


class CorpusPlaces:
    """Drafts from ``Request.corpus``; silent without one.

    Matches of ``longest`` down to ``shortest`` tokens; at most ``places`` of them, evenly spread over all, are
    continued by ``depth`` tokens.
    """

    def __init__(self, *, longest: int = 16, shortest: int = 2, places: int = 512, depth: int = 10) -> None:
        self._longest, self._shortest = longest, shortest
        self._places, self._depth = places, depth
        self._index: TokenIndex | None = None
        self._prompt_tail: list[int] = []

    @property
    def name(self) -> str:
        """``corpus``."""
        return "corpus"

    def start(self, request: Request) -> None:
        """Take the request's index."""
        corpus = request.corpus
        self._prompt_tail = list(request.prompt[-self._longest :])
        if corpus is None or not corpus.tokens_T.size:
            self._index = None
            return
        # Plain views: every access to a memory-mapped array's own class costs microseconds.
        self._index = TokenIndex(np.asarray(corpus.tokens_T), np.asarray(corpus.suffixes_T), corpus.starts_P)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The most frequent continuations of the longest match, at most ``limit`` nodes, as root-to-leaf chains."""
        if self._index is None:
            return []
        tail = (self._prompt_tail + list(tokens[-self._longest :]))[-self._longest :]
        match = self._longest_match(self._index, tail)
        return self._drafts(self._index, match, limit) if match is not None else []

    def observe(self, commit: Commit) -> None:
        """Nothing to learn: the corpus stays as it is."""

    def finish(self) -> None:
        """Let the index go."""
        self._index, self._prompt_tail = None, []

    def _longest_match(self, index: TokenIndex, tail: list[int]) -> _Match | None:
        """If n tokens stand somewhere so do their last n - 1: the length is found by halving, too."""
        known, found = self._shortest - 1, -1
        low, high = self._shortest, len(tail)
        length = low  # Mostly there is no match at all, which one look tells.
        while low <= high:
            at = _first_at(index, tail[-length:])
            if at is None:
                high = length - 1
            else:
                known, found, low = length, at, length + 1
            length = (low + high) // 2
        if found < 0:
            return None
        return _Match(known, found, _first_behind(index, tail[-known:], found))

    def _drafts(self, index: TokenIndex, match: _Match, limit: int) -> list[Draft]:
        behind_S = self._behind(index, match)
        last = index.tokens_T.size - 1
        ahead_SD = index.tokens_T[np.minimum(behind_S[:, None] + np.arange(self._depth), last)]
        return [_draft(index, match, behind_S, ahead_SD, run) for run in _leaves(match, ahead_SD, limit)]

    def _behind(self, index: TokenIndex, match: _Match) -> NDArray[np.integer]:
        """(S) positions behind the match, in the order of what stands there, evenly chosen if there are too many."""
        count = match.high - match.low
        if count <= self._places:
            chosen_S = index.suffixes_T[match.low : match.high]
        else:
            chosen_S = index.suffixes_T[match.low + np.arange(self._places) * count // self._places]
        return chosen_S + match.length


def _leaves(match: _Match, ahead_SD: NDArray[np.int32], limit: int) -> list[_Run]:
    """The ``limit`` most frequent beginnings of the sorted rows ``ahead_SD``; those that no other one goes on from.

    A longer beginning is never more frequent than a shorter one, so the chosen ones are a tree.
    """
    size, depths = ahead_SD.shape
    new_SD = np.ones(ahead_SD.shape, dtype=np.bool_)
    new_SD[1:] = np.logical_or.accumulate(ahead_SD[1:] != ahead_SD[:-1], axis=1)
    # One number a run, depth by depth: where the next one begins tells how long it is.
    runs_R = np.flatnonzero(new_SD.T)
    counts_R = np.diff(runs_R, append=size * depths)
    inside_R = (np.minimum.accumulate(ahead_SD, axis=1) > BORDER).T.ravel()[runs_R]
    runs_R, counts_R = (one_R[inside_R & (counts_R > _RAREST * size)] for one_R in (runs_R, counts_R))
    best_R = np.sort(np.argsort(-counts_R, kind="stable")[:limit])
    by_depth: list[list[_Run]] = [[] for _ in range(depths)]
    inner: set[int] = set()
    for run, count in zip(runs_R[best_R].tolist(), counts_R[best_R].tolist(), strict=True):
        depth, start = divmod(run, size)
        above = by_depth[depth - 1] if depth else []
        parent = above[bisect_right(above, start, key=_start_of) - 1] if above else None
        inner.add(id(parent))
        out_of = (parent.count if parent is not None else size) + _DOUBT / (match.length + depth) ** 2
        by_depth[depth].append(_Run(depth + 1, start, count, parent, count / out_of))
    return [run for level in by_depth for run in level if id(run) not in inner]


def _start_of(run: _Run) -> int:
    return run.start


def _draft(
    index: TokenIndex, match: _Match, behind_S: NDArray[np.integer], ahead_SD: NDArray[np.int32], leaf: _Run
) -> Draft:
    chances: list[float] = []
    run: _Run | None = leaf
    while run is not None:
        chances.append(run.chance)
        run = run.parent
    first = int(behind_S[leaf.start])
    passage = int(np.searchsorted(index.starts_P, first, side="right")) - 1
    offset = first - int(index.starts_P[passage])
    return Draft(
        tokens=tuple(ahead_SD[leaf.start, : leaf.depth].tolist()),
        probabilities=tuple(reversed(chances)),
        origins=tuple(Origin(OriginKind.CORPUS, passage, offset + step) for step in range(leaf.depth)),
        bucket=match.length,
    )


def _first_at(index: TokenIndex, wanted: list[int]) -> int | None:
    """The first place in the suffix array that begins with ``wanted``, if there is one."""
    tokens_T, suffixes_T, size = index.tokens_T, index.suffixes_T, len(wanted)
    low, high = 0, suffixes_T.size
    while low < high:
        middle = (low + high) >> 1
        start = suffixes_T[middle]
        if tokens_T[start : start + size].tolist() < wanted:
            low = middle + 1
        else:
            high = middle
    if low == suffixes_T.size:
        return None
    start = suffixes_T[low]
    return low if tokens_T[start : start + size].tolist() == wanted else None


def _first_behind(index: TokenIndex, wanted: list[int], low: int) -> int:
    """The first place behind ``low`` that does not begin with ``wanted``: steps are doubled, then halved."""
    tokens_T, suffixes_T, size = index.tokens_T, index.suffixes_T, len(wanted)

    def begins(place: int) -> bool:
        start = suffixes_T[place]
        return bool(tokens_T[start : start + size].tolist() == wanted)

    step = 1
    while low + step < suffixes_T.size and begins(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, suffixes_T.size)
    while high - low > 1:
        middle = (low + high) >> 1
        if begins(middle):
            low = middle
        else:
            high = middle
    return high
