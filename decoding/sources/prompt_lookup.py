"""Prompt lookup as Hugging Face transformers does it: the first earlier place where the last n-gram stands.

Saxena 2023; n falls from ``max_ngram`` to 1, the tokens behind the first match are drafted, at most
``num_tokens`` of them. A published method to compare with; ``spans`` is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import NO_ORIGIN, Commit, Draft, Request


class PromptLookup:
    """One chain from the first match of the longest matching n-gram."""

    def __init__(self, *, max_ngram: int = 2, num_tokens: int = 10) -> None:
        self._max_ngram = max_ngram
        self._num_tokens = num_tokens
        self._prompt: list[int] = []

    @property
    def name(self) -> str:
        """``prompt-lookup``."""
        return "prompt-lookup"

    def start(self, request: Request) -> None:
        """Remember the prompt."""
        self._prompt = list(request.prompt)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The tokens behind the first match, or nothing."""
        text = self._prompt + list(tokens)
        for size in range(min(self._max_ngram, len(text) - 1), 0, -1):
            suffix = text[-size:]
            for start in range(len(text) - size):
                if text[start : start + size] == suffix:
                    end = start + size
                    ids = tuple(text[end : end + min(limit, self._num_tokens)])
                    if ids:
                        return [Draft(ids, (0.9,) * len(ids), (NO_ORIGIN,) * len(ids))]
                    break
        return []

    def observe(self, commit: Commit) -> None:
        """Nothing to learn."""

    def finish(self) -> None:
        """Drop the prompt."""
        self._prompt = []
