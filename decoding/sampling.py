"""Logits to token: one function for drafted and for plain decoding, so that both choose alike.

Greedy takes the first maximum. Sampling perturbs the kept log-probabilities with Gumbel noise and takes the
maximum (Gumbel 1954; Maddison et al. 2014); the noise is a hash of (seed, position, token), so that it does not
depend on how the position was reached: sampled output with drafts equals sampled output without, token for token.
V vocabulary, K kept tokens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest
from decoding.interfaces import Sampling

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def choose(logits_V: NDArray[np.floating], sampling: Sampling, *, position: int) -> int:
    """The target's own next token at absolute ``position``, drawn from processed logits."""
    if not sampling.do_sample:
        return int(logits_V.argmax())
    kept_K, logprobs_K = _kept(logits_V.astype(np.float64), sampling)
    noise_K = gumbel(sampling.seed, position, kept_K)
    return int(kept_K[(logprobs_K + noise_K).argmax()])


def check(sampling: Sampling) -> None:
    """Raise InvalidRequest for an option outside its range."""
    if not sampling.temperature > 0:
        raise InvalidRequest(
            f"temperature is {sampling.temperature}", hint="Give a temperature above 0, or do_sample=False for greedy."
        )
    if not 0 < sampling.top_p <= 1:
        raise InvalidRequest(f"top_p is {sampling.top_p}", hint="Give a top_p above 0 and at most 1.")
    if sampling.top_k < 0:
        raise InvalidRequest(f"top_k is {sampling.top_k}", hint="Give a top_k of 1 or more, or 0 for no limit.")


def gumbel(seed: int, position: int, tokens_K: NDArray[np.integer]) -> NDArray[np.float64]:
    """(K,) Gumbel noise of each token at a position: a counter-based generator, no state to roll back."""
    base = _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    base = _mix(base ^ np.uint64(position))
    bits_K = _mix(base ^ (tokens_K.astype(np.uint64) * _GOLDEN))
    uniform_K = ((bits_K >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return -np.log(-np.log(uniform_K))


def _kept(logits_V: NDArray[np.float64], sampling: Sampling) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Temperature, then top-k, then top-p, as Hugging Face orders them: ids and log-probabilities up to a constant."""
    scaled_V = logits_V / sampling.temperature
    kept_K = np.flatnonzero(scaled_V > -np.inf)
    if 0 < sampling.top_k < kept_K.size:
        threshold = np.partition(scaled_V[kept_K], -sampling.top_k)[-sampling.top_k]
        kept_K = kept_K[scaled_V[kept_K] >= threshold]
    if sampling.top_p < 1:
        order = np.argsort(-scaled_V[kept_K], kind="stable")
        weights = np.exp(scaled_V[kept_K][order] - scaled_V[kept_K].max())
        before = np.cumsum(weights) - weights
        kept_K = np.sort(kept_K[order[before < sampling.top_p * weights.sum()]])
    return kept_K, scaled_V[kept_K]


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014); wraps around by design."""
    with np.errstate(over="ignore"):
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
