"""Which tokens a generation likes, penalises and forbids: ``TokenRules`` in numbers, and the processor of each rule.

They apply in Hugging Face's order: logit bias (its ``sequence_bias``), repetition penalty (Keskar et al. 2019),
n-grams, bad words, least length. The frequency and presence penalties of OpenAI's interface, which it does not have,
follow the repetition penalty; they commute with what comes after, which only forbids. Processors of the caller's own,
such as quote and copy bias, come last.

Sequences are matched over prompt and output together, as Hugging Face does: one may begin in the prompt or inside a
draft. States hold what this node's own path has written, so that a drafted token is judged by the history it would
have. T tokens so far, K distinct tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest
from decoding.interfaces import Processor


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Hugging Face's names; ``logit_bias`` and the two other penalties as OpenAI's interface has them."""

    logit_bias: tuple[tuple[int, float], ...] = ()
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    no_repeat_ngram_size: int = 0
    bad_words_ids: tuple[tuple[int, ...], ...] = ()
    min_new_tokens: int = 0

    def processors(self, prompt: Sequence[int], *, eos_ids: Iterable[int], vocab_size: int) -> tuple[Processor, ...]:
        """What ``Request.processors`` wants for a prompt; none for rules that change nothing.

        Raises InvalidRequest for a rule out of range and for ids outside the vocabulary.
        """
        ends = frozenset(eos_ids)
        made: list[Processor] = []
        if self.logit_bias:
            made.append(LogitBias(dict(self.logit_bias), vocab_size=vocab_size))
        if self.repetition_penalty != 1:
            made.append(RepetitionPenalty(prompt, self.repetition_penalty))
        if self.frequency_penalty != 0:
            made.append(FrequencyPenalty(self.frequency_penalty))
        if self.presence_penalty != 0:
            made.append(PresencePenalty(self.presence_penalty))
        if self.no_repeat_ngram_size != 0:
            made.append(NoRepeatNgram(prompt, self.no_repeat_ngram_size))
        if self.bad_words_ids:
            made.append(BadWords(self.bad_words_ids, prompt=prompt, eos_ids=ends, vocab_size=vocab_size))
        if self.min_new_tokens != 0 and ends:
            made.append(MinNewTokens(self.min_new_tokens, eos_ids=ends))
        return tuple(made)


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


class RepetitionPenalty:
    """Divides the positive and multiplies the negative logits of every token of prompt and output (Keskar et al. 2019).

    Raises InvalidRequest for a ``penalty`` that is not a finite number above 0; 1 changes nothing.
    """

    def __init__(self, prompt: Iterable[int], penalty: float) -> None:
        if not 0 < penalty < math.inf:
            raise InvalidRequest(
                f"repetition_penalty is {penalty}", hint="give a number above 0: 1 for none, above 1 to repeat less"
            )
        self._prompt = frozenset(prompt)
        self._prompt_K = np.array(sorted(self._prompt), dtype=np.int64)
        self._penalty = penalty

    def start(self) -> NDArray[np.int64]:
        """No token beside the prompt's."""
        return np.empty(0, dtype=np.int64)

    def advance(self, state: object, token: int) -> NDArray[np.int64]:
        """One more output token; the state is the tokens that are not in the prompt."""
        assert isinstance(state, np.ndarray)
        known = token in self._prompt or bool((state == token).any())
        return state if known else np.append(state, token)

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Penalise in place."""
        assert isinstance(state, np.ndarray)
        for ids_K in (self._prompt_K, state):
            chosen_K = logits_V[ids_K]
            logits_V[ids_K] = np.where(chosen_K < 0, chosen_K * self._penalty, chosen_K / self._penalty)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Distinct tokens in order of first appearance, and how often each was written."""

    ids_K: NDArray[np.int64]
    counts_K: NDArray[np.int64]

    @classmethod
    def none(cls) -> Counts:
        """Nothing written."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))

    def after(self, token: int) -> Counts:
        """One more ``token``."""
        rows = np.flatnonzero(self.ids_K == token)
        if not rows.size:
            return Counts(np.append(self.ids_K, token), np.append(self.counts_K, 1))
        counts_K = self.counts_K.copy()
        counts_K[rows[0]] += 1
        return Counts(self.ids_K, counts_K)


class _Counting:
    """What both penalties on counts have in common: the state is how often the output has which token."""

    _name: str

    def __init__(self, penalty: float) -> None:
        self._penalty = _finite(self._name, penalty)

    def start(self) -> Counts:
        """Nothing written."""
        return Counts.none()

    def advance(self, state: object, token: int) -> Counts:
        """One more output token."""
        assert isinstance(state, Counts)
        return state.after(token)


class FrequencyPenalty(_Counting):
    """Subtracts ``penalty`` for each time the output, without the prompt, has a token.

    Raises InvalidRequest for a ``penalty`` that is not finite.
    """

    _name = "frequency_penalty"

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Penalise in place."""
        assert isinstance(state, Counts)
        logits_V[state.ids_K] -= self._penalty * state.counts_K


class PresencePenalty(_Counting):
    """Subtracts ``penalty`` once from every token that the output, without the prompt, has.

    Raises InvalidRequest for a ``penalty`` that is not finite.
    """

    _name = "presence_penalty"

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Penalise in place."""
        assert isinstance(state, Counts)
        logits_V[state.ids_K] -= self._penalty


class NoRepeatNgram:
    """Forbids every token that would complete, for a second time, a run of ``size`` tokens of prompt and output.

    Raises InvalidRequest for a ``size`` below 1.
    """

    def __init__(self, prompt: Sequence[int], size: int) -> None:
        if size < 1:
            raise InvalidRequest(f"no_repeat_ngram_size is {size}", hint="give 1 or more, or leave it out")
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
            raise InvalidRequest("a bad word has no tokens", hint="leave empty words out")
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


def _finite(name: str, penalty: float) -> float:
    if not math.isfinite(penalty):
        raise InvalidRequest(f"{name} is {penalty}", hint="give a finite number: 0 for none, above 0 to repeat less")
    return penalty
