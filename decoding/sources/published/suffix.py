"""Suffix decoding: frequent paths in suffix trees of the request and of earlier outputs; the match that promises most.

Oliaro et al. 2024, "SuffixDecoding: Extreme Speculative Decoding for Emerging AI Applications". A suffix tree is used
for its counts alone, and those are counts of positions: the positions of each match are kept instead, which gives the
same drafts. A published method to compare with; ``blend`` is ours.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import AT_ROOT, DraftTree

_BORDER = -1


@dataclass(slots=True)
class TokenPositions:
    """A text, -1 at its borders, and where each token stands in it."""

    text: list[int] = field(default_factory=list)
    positions_of: dict[int, list[int]] = field(default_factory=dict)

    def extend(self, tokens: Sequence[int]) -> None:
        """Append tokens."""
        for token in tokens:
            self.positions_of.setdefault(token, []).append(len(self.text))
            self.text.append(token)

    def matches(self, context: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """(m, positions after the last m tokens of ``context``) for m = 1, 2 ... as long as one of them has a token.

        Of several m with the same positions only the largest is given.
        """
        positions = [position + 1 for position in self.positions_of.get(context[-1], ())]
        size = 1
        while any(position < len(self.text) for position in positions):
            size += 1
            token = context[-size] if size <= len(context) else _BORDER
            longer = [
                position
                for position in positions
                if token != _BORDER and position >= size and self.text[position - size] == token
            ]
            if len(longer) < len(positions):
                yield size - 1, positions
            positions = longer


@dataclass(slots=True)
class Outputs:
    """The latest outputs of a scope, the oldest dropped first once they have more than ``most`` tokens."""

    most: int = 100_000
    outputs: deque[tuple[int, ...]] = field(default_factory=deque)
    index: TokenPositions = field(default_factory=TokenPositions)

    def add(self, output: Sequence[int]) -> None:
        """Add an output that is complete."""
        self.outputs.append(tuple(output))
        self.index.extend([*output, _BORDER])
        if len(self.index.text) > self.most:
            while sum(map(len, self.outputs)) > self.most // 2 and len(self.outputs) > 1:
                self.outputs.popleft()
            self.index = TokenPositions()
            for earlier in self.outputs:
                self.index.extend([*earlier, _BORDER])


class _Waiting(NamedTuple):
    """A token that may be drafted: its parent among the drafted ones, and its share of the parent's positions."""

    parent: int
    token: int
    share: float


@dataclass(frozen=True, slots=True)
class _Speculation:
    """``score`` is the sum of path probabilities: the accepted tokens to expect."""

    score: float
    match: int
    draft: DraftTree


class SuffixDecoding(DraftSource):
    """``outputs`` are those of each scope. ``factor`` times the match are drafted, as long as a path has ``least``.

    The paper takes factors from 1 to 4; on our records the largest is the best.
    """

    name = "suffix"

    def __init__(
        self, outputs: dict[str, Outputs], *, factor: float = 4.0, least: float = 0.1, depth: int = 64
    ) -> None:
        self._all_outputs = outputs
        self._factor = factor
        self._least = least
        self._depth = depth
        self._scope: str | None = None
        self._prompt_length = 0
        self._local = TokenPositions()

    def start(self, request: Request) -> None:
        """Index the prompt."""
        self._scope, self._prompt_length = request.scope, len(request.prompt)
        self._local = TokenPositions()
        self._local.extend(request.prompt)

    def propose(self, context: DraftContext) -> DraftTree:
        """The tree with the highest score over both texts and all lengths of match; the longer match of equals."""
        latest = self._local.text[-self._depth :]
        best = _Speculation(0.0, 0, DraftTree())
        for index in self._searched():
            for size, positions in index.matches(latest):
                room = min(int(self._factor * size), self._depth - size, context.limit)
                speculation = self._open(index.text, positions, room, size)
                if (speculation.score, speculation.match) > (best.score, best.match):
                    best = speculation
        return best.draft

    def observe(self, commit: Commit) -> None:
        """Append what was written."""
        self._local.extend(commit.tokens)

    def finish(self) -> None:
        """Keep the output for later requests of the same scope, drop the rest."""
        output = self._local.text[self._prompt_length :]
        if self._scope is not None and output:
            self._all_outputs.setdefault(self._scope, Outputs()).add(output)
        self._local, self._scope, self._prompt_length = TokenPositions(), None, 0

    def _searched(self) -> list[TokenPositions]:
        earlier = self._all_outputs.get(self._scope) if self._scope is not None else None
        return [self._local] if earlier is None else [self._local, earlier.index]

    def _open(self, text: list[int], positions: list[int], room: int, match: int) -> _Speculation:
        """Open the most probable path again and again; a child's probability is its share of its parent's positions."""
        tokens: list[int] = []
        parents: list[int] = []
        shares: list[float] = []
        score = 0.0
        heap: list[tuple[float, int, _Waiting, list[int]]] = [(-1.0, 0, _Waiting(AT_ROOT, 0, 1.0), positions)]
        pushed, node = 0, AT_ROOT
        while heap and len(tokens) < room:
            negative, number, opened, after = heapq.heappop(heap)
            if number:
                node = len(tokens)
                tokens.append(opened.token)
                parents.append(opened.parent)
                shares.append(opened.share)
                score -= negative
            for token, group in _by_token(text, after).items():
                share = len(group) / len(after)
                if -negative * share >= self._least:
                    pushed += 1
                    heapq.heappush(heap, (negative * share, pushed, _Waiting(node, token, share), group))
        draft = DraftTree(
            tuple(tokens), tuple(parents), tuple(shares), (NO_ORIGIN,) * len(tokens), (match,) * len(tokens)
        )
        return _Speculation(score, match, draft)


def _by_token(text: list[int], positions: list[int]) -> dict[int, list[int]]:
    """The next positions of each token that stands at one of ``positions``."""
    groups: dict[int, list[int]] = {}
    for position in positions:
        if position < len(text) and text[position] != _BORDER:
            groups.setdefault(text[position], []).append(position + 1)
    return groups
