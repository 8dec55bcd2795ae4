"""REST: the most frequent continuations of the last tokens in a datastore, as a tree.

He et al. 2023, "REST: Retrieval-Based Speculative Decoding": spans of 16 down to 2 tokens, 10 tokens behind each place,
of all their prefixes the 64 most frequent. A published method to compare with; ``corpus`` is ours. T tokens.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

from decoding.interfaces import Commit, Draft, Request, TokenIndex
from decoding.sources.branches import Branch, drafts_of
from decoding.sources.suffix_array import BORDER


class Rest:
    """The request's ``corpus`` is the datastore; silent without one."""

    def __init__(
        self, *, longest: int = 16, shortest: int = 2, num_tokens: int = 10, choices: int = 64, places: int = 5000
    ) -> None:
        self._sizes = range(longest, shortest - 1, -1)
        self._num_tokens = num_tokens
        self._choices = choices
        self._places = places
        self._corpus: TokenIndex | None = None
        self._prompt: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """``rest``."""
        return "rest"

    def start(self, request: Request) -> None:
        """Remember the datastore."""
        self._corpus, self._prompt = request.corpus, request.prompt

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The most frequent prefixes of what stands behind the longest span that the datastore holds."""
        if self._corpus is None:
            return []
        context = [*self._prompt[-self._sizes.start :], *tokens[-self._sizes.start :]][-self._sizes.start :]
        for size in self._sizes:
            if size <= len(context) and (found := self._continuations(self._corpus, tuple(context[-size:]))):
                return _tree(found, min(limit, self._choices))
        return []

    def observe(self, commit: Commit) -> None:
        """Nothing to learn."""

    def finish(self) -> None:
        """Let the datastore go."""
        self._corpus, self._prompt = None, ()

    def _continuations(self, corpus: TokenIndex, span: tuple[int, ...]) -> list[tuple[int, ...]]:
        """What stands behind ``span``, at most ``num_tokens`` of each place, and never beyond its passage."""

        def head(start: int) -> tuple[int, ...]:
            return tuple(corpus.tokens_T[start : start + len(span)].tolist())

        low = bisect_left(corpus.suffixes_T, span, key=head)
        if low == len(corpus.suffixes_T) or head(corpus.suffixes_T[low]) != span:
            return []
        high = bisect_right(corpus.suffixes_T, span, lo=low, key=head)
        found = []
        for start in corpus.suffixes_T[low : min(high, low + self._places)].tolist():
            behind = corpus.tokens_T[start + len(span) : start + len(span) + self._num_tokens].tolist()
            found.append(tuple(behind[: behind.index(BORDER)] if BORDER in behind else behind))
        return [one for one in found if one]


def _tree(continuations: Sequence[tuple[int, ...]], limit: int) -> list[Draft]:
    """The ``limit`` most frequent prefixes; one is at least as frequent as those that go on from it."""
    counts = Counter(one[:end] for one in continuations for end in range(1, len(one) + 1))
    best = heapq.nsmallest(limit, counts.items(), key=lambda item: (-item[1], len(item[0])))
    total = len(continuations)
    branches: dict[tuple[int, ...], Branch] = {}
    for prefix, count in sorted(best, key=lambda item: len(item[0])):
        parent = branches.get(prefix[:-1])
        out_of = counts[prefix[:-1]] if parent is not None else total
        branches[prefix] = Branch(parent, prefix[-1], count / out_of)
    return drafts_of(list(branches.values()))
