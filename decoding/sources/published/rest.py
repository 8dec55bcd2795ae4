"""REST: the most frequent continuations of the last tokens in a datastore, as a tree.

He et al. 2023, "REST: Retrieval-Based Speculative Decoding": spans of 16 down to 2 tokens, the 10 tokens after each
occurrence, of all their prefixes the 64 most frequent. A published method to compare with; ``corpus`` is ours.
T tokens.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

from decoding.interfaces import Request, TokenIndex
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.suffix_array import BORDER
from decoding.tree import DraftTree


class Rest(DraftSource):
    """The request's ``corpus`` is the datastore; silent without one."""

    name = "rest"

    def __init__(
        self, *, longest: int = 16, shortest: int = 2, num_tokens: int = 10, choices: int = 64, positions: int = 5000
    ) -> None:
        self._sizes = range(longest, shortest - 1, -1)
        self._num_tokens = num_tokens
        self._choices = choices
        self._positions = positions
        self._corpus: TokenIndex | None = None
        self._prompt: tuple[int, ...] = ()

    def start(self, request: Request) -> None:
        """Remember the datastore."""
        self._corpus, self._prompt = request.corpus, request.prompt

    def propose(self, context: DraftContext) -> DraftTree:
        """The most frequent prefixes of what follows the longest span that the datastore holds."""
        if self._corpus is None:
            return DraftTree()
        longest = self._sizes.start
        text = [*self._prompt[-longest:], *context.output[-longest:]][-longest:]
        for size in self._sizes:
            if size <= len(text) and (continuations := self._continuations(self._corpus, tuple(text[-size:]))):
                return _tree(continuations, min(context.limit, self._choices))
        return DraftTree()

    def finish(self) -> None:
        """Let the datastore go."""
        self._corpus, self._prompt = None, ()

    def _continuations(self, corpus: TokenIndex, span: tuple[int, ...]) -> list[tuple[int, ...]]:
        """What follows ``span``, at most ``num_tokens`` of each position, and never beyond its passage."""

        def head(start: int) -> tuple[int, ...]:
            return tuple(corpus.tokens_T[start : start + len(span)].tolist())

        low = bisect_left(corpus.suffixes_T, span, key=head)
        if low == len(corpus.suffixes_T) or head(corpus.suffixes_T[low]) != span:
            return []
        high = bisect_right(corpus.suffixes_T, span, lo=low, key=head)
        continuations = []
        for start in corpus.suffixes_T[low : min(high, low + self._positions)].tolist():
            after = corpus.tokens_T[start + len(span) : start + len(span) + self._num_tokens].tolist()
            continuations.append(tuple(after[: after.index(BORDER)] if BORDER in after else after))
        return [continuation for continuation in continuations if continuation]


def _tree(continuations: Sequence[tuple[int, ...]], limit: int) -> DraftTree:
    """The ``limit`` most frequent prefixes; one is at least as frequent as those that go on from it."""
    counts = Counter(continuation[:end] for continuation in continuations for end in range(1, len(continuation) + 1))
    best = heapq.nsmallest(limit, counts.items(), key=lambda item: (-item[1], len(item[0])))
    counts[()] = len(continuations)
    return DraftTree.from_paths({prefix: count / counts[prefix[:-1]] for prefix, count in _shortest_first(best)})


def _shortest_first(counts: Sequence[tuple[tuple[int, ...], int]]) -> list[tuple[tuple[int, ...], int]]:
    return sorted(counts, key=lambda item: len(item[0]))
