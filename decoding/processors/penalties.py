"""Penalties on tokens that have been written before: repetition (Hugging Face's), frequency and presence (OpenAI's).

States hold what this node's own path has written, so that a drafted token is judged by the history it would have.
K distinct tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest


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


def _finite(name: str, penalty: float) -> float:
    if not math.isfinite(penalty):
        raise InvalidRequest(f"{name} is {penalty}", hint="give a finite number: 0 for none, above 0 to repeat less")
    return penalty
