"""Prompt lookup as Hugging Face transformers does it: what follows the first occurrence of the last n-gram.

Saxena 2023; n falls from ``max_ngram`` to 1, the tokens after the first match are drafted, at most ``num_tokens`` of
them and none from an end token on. A published method to compare with; ``blend`` is ours.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from decoding.interfaces import Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree


class PromptLookup(DraftSource):
    """One chain from the first match of the longest matching n-gram."""

    name = "prompt-lookup"

    def __init__(self, *, max_ngram: int = 2, num_tokens: int = 10) -> None:
        self._max_ngram = max_ngram
        self._num_tokens = num_tokens
        self._prompt: list[int] = []
        self._ends: frozenset[int] = frozenset()

    def start(self, request: Request) -> None:
        """Remember the prompt."""
        self._prompt, self._ends = list(request.prompt), request.eos_ids

    def propose(self, context: DraftContext) -> DraftTree:
        """The tokens after the first match, or nothing."""
        return DraftTree.chain(self._continuation([*self._prompt, *context.output])[: context.limit], 0.9)

    def _continuation(self, text: Sequence[int]) -> tuple[int, ...]:
        for size in range(min(self._max_ngram, len(text) - 1), 0, -1):
            suffix = text[-size:]
            # The last occurrence of all is the suffix itself, with nothing after it.
            for end in range(size, len(text)):
                if text[end - size : end] == suffix:
                    return tuple(itertools.takewhile(self._goes_on, text[end : end + self._num_tokens]))
        return ()

    def _goes_on(self, token: int) -> bool:
        return token not in self._ends

    def finish(self) -> None:
        """Drop the prompt."""
        self._prompt = []
