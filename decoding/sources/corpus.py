"""The source ``corpus``: what follows the end of the output elsewhere in a whole corpus.

The longest suffix of the output that stands anywhere is looked up in a suffix array, its occurrences are continued, and
the most frequent continuations form a tree. After REST (He et al. 2023), for any vocabulary and without reading the
index into memory. T tokens of the corpus, S positions looked at, D depth, R runs of equal beginnings, P passages.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.interfaces import NO_ORIGIN, Origin, OriginKind, Request, TokenIndex
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.suffix_array import BORDER
from decoding.tree import AT_ROOT, DraftTree

# How far a lone occurrence with a match of m tokens is doubted: it counts 1 against _DOUBT / m**2. Set by hand, near
# what the same match is worth inside a prompt; calibration by match length does the rest.
_DOUBT = 2.0
# A beginning that fewer of the occurrences share than this part of them is not drafted.
_RAREST = 0.01


@dataclass(frozen=True, slots=True)
class _Match:
    """The last ``length`` tokens stand at ``suffixes_T[low:high]``."""

    length: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Positions from ``start`` on, ``count`` of them, agree in the next ``depth`` tokens. ``parent`` is the number of
    the run that agrees in one token less; ``chance`` is the probability of the last token, given those before it.
    """

    depth: int
    start: int
    count: int
    parent: int
    chance: float


class CorpusContinuations(DraftSource):
    """Drafts from ``Request.corpus``; silent without one.

    Matches of ``longest`` down to ``shortest`` tokens; at most ``positions`` occurrences, evenly spread over all, are
    continued by ``depth`` tokens.
    """

    name = "corpus"

    def __init__(self, *, longest: int = 16, shortest: int = 2, positions: int = 512, depth: int = 10) -> None:
        self._longest, self._shortest = longest, shortest
        self._positions, self._depth = positions, depth
        self._index: TokenIndex | None = None
        self._prompt_tail: list[int] = []

    def start(self, request: Request) -> None:
        """Take the request's index."""
        corpus = request.corpus
        self._prompt_tail = list(request.prompt[-self._longest :])
        if corpus is None or not corpus.tokens_T.size:
            self._index = None
            return
        # Plain views: every access to a memory-mapped array's own class costs microseconds.
        self._index = TokenIndex(np.asarray(corpus.tokens_T), np.asarray(corpus.suffixes_T), corpus.starts_P)

    def propose(self, context: DraftContext) -> DraftTree:
        """The most frequent continuations of the longest match, at most ``context.limit`` nodes."""
        if self._index is None:
            return DraftTree()
        tail = (self._prompt_tail + list(context.output[-self._longest :]))[-self._longest :]
        match = self._longest_match(self._index, tail)
        return self._tree(self._index, match, context.limit) if match is not None else DraftTree()

    def finish(self) -> None:
        """Let the index go."""
        self._index, self._prompt_tail = None, []

    def _longest_match(self, index: TokenIndex, tail: list[int]) -> _Match | None:
        """If n tokens stand somewhere so do their last n - 1: the length is found by halving, too."""
        known, found = self._shortest - 1, -1
        low, high = self._shortest, len(tail)
        length = low  # Mostly there is no match at all, which one look tells.
        while low <= high:
            row = _first_at(index, tail[-length:])
            if row is None:
                high = length - 1
            else:
                known, found, low = length, row, length + 1
            length = (low + high) // 2
        if found < 0:
            return None
        return _Match(known, found, _first_row_after(index, tail[-known:], found))

    def _tree(self, index: TokenIndex, match: _Match, limit: int) -> DraftTree:
        after_S = self._positions_after(index, match)
        last = index.tokens_T.size - 1
        ahead_SD = index.tokens_T[np.minimum(after_S[:, None] + np.arange(self._depth), last)]
        runs = _runs(match, ahead_SD, limit)
        return DraftTree(
            tokens=tuple([int(ahead_SD[run.start, run.depth - 1]) for run in runs]),
            parents=tuple([run.parent for run in runs]),
            probabilities=tuple([run.chance for run in runs]),
            origins=_origins(index, after_S, runs),
            buckets=(match.length,) * len(runs),
        )

    def _positions_after(self, index: TokenIndex, match: _Match) -> NDArray[np.integer]:
        """(S) positions after the match, in the order of what stands there, evenly chosen if there are too many."""
        count = match.high - match.low
        if count <= self._positions:
            chosen_S = index.suffixes_T[match.low : match.high]
        else:
            chosen_S = index.suffixes_T[match.low + np.arange(self._positions) * count // self._positions]
        return chosen_S + match.length


def _runs(match: _Match, ahead_SD: NDArray[np.int32], limit: int) -> list[_Run]:
    """The ``limit`` most frequent beginnings of the sorted rows ``ahead_SD``, depth by depth.

    A longer beginning is never more frequent than a shorter one, so the chosen ones are a tree.
    """
    size, depths = ahead_SD.shape
    new_SD = np.ones(ahead_SD.shape, dtype=np.bool_)
    new_SD[1:] = np.logical_or.accumulate(ahead_SD[1:] != ahead_SD[:-1], axis=1)
    # One number a run, depth by depth: where the next one begins tells how long it is.
    runs_R = np.flatnonzero(new_SD.T)
    counts_R = np.diff(runs_R, append=size * depths)
    inside_R = (np.minimum.accumulate(ahead_SD, axis=1) > BORDER).T.ravel()[runs_R]
    runs_R, counts_R = (each_R[inside_R & (counts_R > _RAREST * size)] for each_R in (runs_R, counts_R))
    best_R = np.sort(np.argsort(-counts_R, kind="stable")[:limit])
    chosen: list[_Run] = []
    firsts = [0] * (depths + 1)  # The number of the first run of each depth.
    for run, count in zip(runs_R[best_R].tolist(), counts_R[best_R].tolist(), strict=True):
        depth, start = divmod(run, size)
        firsts[depth + 1 :] = [len(chosen) + 1] * (depths - depth)
        parent = AT_ROOT
        if depth:
            parent = bisect_right(chosen, start, lo=firsts[depth - 1], hi=firsts[depth], key=_start_of) - 1
        out_of = (chosen[parent].count if depth else size) + _DOUBT / (match.length + depth) ** 2
        chosen.append(_Run(depth + 1, start, count, parent, count / out_of))
    return chosen


def _start_of(run: _Run) -> int:
    return run.start


def _origins(index: TokenIndex, after_S: NDArray[np.integer], runs: Sequence[_Run]) -> tuple[Origin, ...]:
    """Where each token was copied from. A path is copied from one position, the first of its leaf; where paths part,
    the shorter one names the position of what they share.
    """
    origins: list[Origin] = [NO_ORIGIN] * len(runs)
    inner = {run.parent for run in runs}
    for leaf, run in enumerate(runs):
        if leaf in inner:
            continue
        first = int(after_S[run.start])
        passage = int(np.searchsorted(index.starts_P, first, side="right")) - 1
        offset = first - int(index.starts_P[passage])
        node = leaf
        while node != AT_ROOT and origins[node] is NO_ORIGIN:
            origins[node] = Origin(OriginKind.CORPUS, passage, offset + runs[node].depth - 1)
            node = runs[node].parent
    return tuple(origins)


def _first_at(index: TokenIndex, tokens: list[int]) -> int | None:
    """The first row of the suffix array that begins with ``tokens``, if there is one."""
    tokens_T, suffixes_T, size = index.tokens_T, index.suffixes_T, len(tokens)
    low, high = 0, suffixes_T.size
    while low < high:
        middle = (low + high) >> 1
        start = suffixes_T[middle]
        if tokens_T[start : start + size].tolist() < tokens:
            low = middle + 1
        else:
            high = middle
    if low == suffixes_T.size:
        return None
    start = suffixes_T[low]
    return low if tokens_T[start : start + size].tolist() == tokens else None


def _first_row_after(index: TokenIndex, tokens: list[int], low: int) -> int:
    """The first row after ``low`` that does not begin with ``tokens``: steps are doubled, then halved."""
    tokens_T, suffixes_T, size = index.tokens_T, index.suffixes_T, len(tokens)

    def begins(row: int) -> bool:
        start = suffixes_T[row]
        return bool(tokens_T[start : start + size].tolist() == tokens)

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
