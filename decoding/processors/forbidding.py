"""What may not be written next: biased and forbidden tokens, bad words, repeated n-grams, an early end.

Sequences are matched over prompt and output together, as Hugging Face does: one may begin in the prompt or inside a
draft. T tokens so far, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest


class LogitBias:
    """Adds a number to the logits of single tokens; -inf forbids one.

    Raises InvalidRequest for ids outside the vocabulary and for biases that are NaN or +inf.
    """

    def __init__(self, biases: Mapping[int, float], *, vocab_size: int) -> None:
        _check_ids("logit_bias", biases, vocab_size)
        for token, bias in biases.items():
            if not bias < math.inf:
                raise InvalidRequest(
                    f"logit_bias of token {token} is {bias}", hint="give a finite number, or -inf to forbid the token"
                )
        self._ids_K = np.fromiter(biases, dtype=np.int64)
        self._biases_K = np.fromiter(biases.values(), dtype=np.float64)

    def start(self) -> None:
        """There is nothing to remember."""

    def advance(self, state: object, token: int) -> None:
        """There is nothing to remember."""

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Add in place."""
        logits_V[self._ids_K] += self._biases_K


class BadWords:
    """Forbids the last token of each sequence wherever the tokens before it have just been written.

    A sequence that is a single end token is left out, so that every output can end. Raises InvalidRequest for an
    empty sequence and for ids outside the vocabulary.
    """

    def __init__(
        self, sequences: Iterable[Sequence[int]], *, prompt: Sequence[int], eos_ids: Iterable[int], vocab_size: int
    ) -> None:
        ends = {(token,) for token in eos_ids}
        words = {tuple(sequence) for sequence in sequences} - ends
        if () in words:
            raise InvalidRequest("a bad word has no tokens", hint="leave empty words away")
        _check_ids("bad_words_ids", (token for word in words for token in word), vocab_size)
        lasts: dict[tuple[int, ...], list[int]] = {}
        for word in sorted(words):
            lasts.setdefault(word[:-1], []).append(word[-1])
        self._lasts = {before: np.array(ids, dtype=np.int64) for before, ids in lasts.items()}
        self._lengths = sorted({len(before) for before in lasts})
        self._kept = max(self._lengths, default=0)
        self._prompt = tuple(prompt)

    def start(self) -> tuple[int, ...]:
        """The end of the prompt, as long as a sequence may reach back."""
        return self._prompt[max(0, len(self._prompt) - self._kept) :]

    def advance(self, state: object, token: int) -> tuple[int, ...]:
        """One more output token."""
        assert isinstance(state, tuple)
        tail = (*state, token)
        return tail[max(0, len(tail) - self._kept) :]

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Forbid in place."""
        assert isinstance(state, tuple)
        for length in self._lengths:
            if length <= len(state):
                ids_K = self._lasts.get(state[len(state) - length :])
                if ids_K is not None:
                    logits_V[ids_K] = -np.inf


class NoRepeatNgram:
    """Forbids every token that would complete, for a second time, a run of ``size`` tokens of prompt and output.

    Raises InvalidRequest for a ``size`` below 1.
    """

    def __init__(self, prompt: Sequence[int], size: int) -> None:
        if size < 1:
            raise InvalidRequest(f"no_repeat_ngram_size is {size}", hint="give 1 or more, or leave it away")
        self._prompt_T = np.array(prompt, dtype=np.int64)
        self._size = size

    def start(self) -> NDArray[np.int64]:
        """The prompt."""
        return self._prompt_T

    def advance(self, state: object, token: int) -> NDArray[np.int64]:
        """One more output token; the state is all tokens."""
        assert isinstance(state, np.ndarray)
        return np.append(state, token)

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Forbid in place."""
        assert isinstance(state, np.ndarray)
        tokens_T, before = state, self._size - 1
        if len(tokens_T) <= before:
            return
        ends = np.arange(before, len(tokens_T))
        for back in range(1, self._size):
            ends = ends[tokens_T[ends - back] == tokens_T[-back]]
        logits_V[tokens_T[ends]] = -np.inf


class MinNewTokens:
    """Forbids the end tokens before ``least`` tokens are written. Raises InvalidRequest for a negative ``least``."""

    def __init__(self, least: int, *, eos_ids: Iterable[int]) -> None:
        if least < 0:
            raise InvalidRequest(f"min_new_tokens is {least}", hint="give 0 or more")
        self._least = least
        self._eos_K = np.array(sorted(eos_ids), dtype=np.int64)

    def start(self) -> int:
        """Nothing written."""
        return 0

    def advance(self, state: object, token: int) -> int:
        """One more output token."""
        assert isinstance(state, int)
        return min(state + 1, self._least)

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Forbid in place."""
        assert isinstance(state, int)
        if state < self._least:
            logits_V[self._eos_K] = -np.inf


def _check_ids(option: str, ids: Iterable[int], vocab_size: int) -> None:
    for token in ids:
        if not 0 <= token < vocab_size:
            raise InvalidRequest(
                f"{option} names token {token}, outside the vocabulary of {vocab_size}",
                hint="give ids of the target's own tokenizer",
            )
