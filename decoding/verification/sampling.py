"""From logits to a token: one function for drafted and for plain decoding, so that both choose alike.

Greedy takes the first maximum. Sampling perturbs the kept log-probabilities with Gumbel noise and takes the
maximum (Gumbel 1954; Maddison et al. 2014). The noise is a hash of (seed, stream, position, token) and does not depend
on how the position was reached: sampled output with drafts equals sampled output without, token for token.
V vocabulary, K kept tokens. An array without shape letters may have any shape that broadcasts.
"""

from __future__ import annotations

import enum
import math

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidRequest
from decoding.interfaces import Sampling

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NUCLEUS = 1024  # Tokens that nearly every top-p keeps to; sorting a whole vocabulary takes ten times as long.


class Stream(enum.IntEnum):
    """What the noise is for. Noise of one stream says nothing about that of another at the same position."""

    TARGET = 0
    DRAFT = 1
    ACCEPT = 2
    RESIDUAL = 3


def choose(logits_V: NDArray[np.floating], sampling: Sampling, *, position: int, stream: Stream = Stream.TARGET) -> int:
    """The token at absolute ``position``, drawn from processed logits with the noise of ``stream``.

    Raises InvalidRequest if no token is allowed.
    """
    if not sampling.do_sample:
        return _best(logits_V)
    kept_K, logprobs_K = _kept(logits_V.astype(np.float64), sampling)
    noise_K = gumbel(sampling.seed, position, kept_K, stream=stream)
    return int(kept_K[(logprobs_K + noise_K).argmax()])


def distribution(logits_V: NDArray[np.floating], sampling: Sampling) -> NDArray[np.float64]:
    """(V) probabilities with which ``choose`` draws; one token has all where it does not sample.

    Raises InvalidRequest if no token is allowed.
    """
    probabilities_V = np.zeros(logits_V.shape[-1])
    if not sampling.do_sample:
        probabilities_V[_best(logits_V)] = 1.0
        return probabilities_V
    kept_K, logprobs_K = _kept(logits_V.astype(np.float64), sampling)
    weights_K = np.exp(logprobs_K - logprobs_K.max())
    probabilities_V[kept_K] = weights_K / weights_K.sum()
    return probabilities_V


def check(sampling: Sampling) -> None:
    """Raise InvalidRequest for an option outside its range, NaN and infinity included."""
    if not 0 < sampling.temperature < math.inf:
        raise InvalidRequest(
            f"temperature is {sampling.temperature}", hint="give a temperature above 0, or do_sample=False for greedy"
        )
    if not 0 < sampling.top_p <= 1:
        raise InvalidRequest(f"top_p is {sampling.top_p}", hint="give a top_p above 0 and at most 1")
    if not 0 <= sampling.min_p <= 1:
        raise InvalidRequest(f"min_p is {sampling.min_p}", hint="give a min_p from 0 (keep all) to 1")
    if not (isinstance(sampling.top_k, int) and sampling.top_k >= 0):
        raise InvalidRequest(f"top_k is {sampling.top_k}", hint="give a top_k of 1 or more, or 0 for no limit")


def gumbel(
    seed: int, positions: int | NDArray[np.integer], tokens: NDArray[np.integer], *, stream: Stream = Stream.TARGET
) -> NDArray[np.float64]:
    """Gumbel noise of each token at a position: a counter-based generator, no state to roll back."""
    bits = _mix(_base(seed, positions, stream) ^ (tokens.astype(np.uint64) * _GOLDEN))
    return -np.log(-np.log(_unit(bits)))


def uniform(seed: int, positions: int | NDArray[np.integer], *, stream: Stream) -> NDArray[np.float64]:
    """Uniform noise between 0 and 1, both excluded, one number a position."""
    return _unit(_mix(_base(seed, positions, stream)))


def nothing_allowed() -> InvalidRequest:
    """The error where no next token can be chosen."""
    return InvalidRequest(
        "no next token is allowed: every logit is -inf, or one is NaN",
        hint="forbid fewer tokens (bad words, n-grams; quoting leaves few: --set quote=false), or try --dtype float32",
    )


def _best(logits_V: NDArray[np.floating]) -> int:
    best = int(logits_V.argmax())
    if not logits_V[best] > -np.inf:  # NaN counts as the maximum.
        raise nothing_allowed()
    return best


def _kept(logits_V: NDArray[np.float64], sampling: Sampling) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Temperature, top-k, top-p, min-p in Hugging Face's order: ids and log-probabilities up to a constant."""
    scaled_V = logits_V / sampling.temperature
    kept_K = np.flatnonzero(scaled_V > -np.inf)
    if not kept_K.size or np.isnan(scaled_V).any():
        raise nothing_allowed()
    if 0 < sampling.top_k < kept_K.size:
        threshold = np.partition(scaled_V[kept_K], -sampling.top_k)[-sampling.top_k]
        kept_K = kept_K[scaled_V[kept_K] >= threshold]
    if sampling.top_p < 1:
        kept_K = kept_K[_nucleus(scaled_V[kept_K], sampling.top_p)]
    if sampling.min_p > 0:
        weights_K = np.exp(scaled_V[kept_K] - scaled_V[kept_K].max())
        kept_K = kept_K[weights_K >= sampling.min_p]
    return kept_K, scaled_V[kept_K]


def _nucleus(scaled_K: NDArray[np.float64], top_p: float) -> NDArray[np.int64]:
    """Rising indices of the fewest tokens that together have ``top_p`` of the weight."""
    weights_K = np.exp(scaled_K - scaled_K.max())
    needed = top_p * float(weights_K.sum())
    likely = np.arange(scaled_K.size)
    if scaled_K.size > _NUCLEUS:
        some = np.flatnonzero(scaled_K >= np.partition(scaled_K, -_NUCLEUS)[-_NUCLEUS])
        if weights_K[some].sum() >= needed:
            likely = some
    order = likely[np.argsort(-scaled_K[likely], kind="stable")]
    before = np.cumsum(weights_K[order]) - weights_K[order]
    return np.sort(order[before < needed])


def _base(seed: int, positions: int | NDArray[np.integer], stream: Stream) -> NDArray[np.uint64]:
    """A hash of seed, stream and position; the stream is in bits that no position reaches."""
    base = _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    counters = np.asarray(positions).astype(np.uint64) | np.uint64(int(stream) << 56)
    mixed: NDArray[np.uint64] = _mix(base ^ counters)
    return mixed


def _unit(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return values


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014); wraps around by design."""
    with np.errstate(over="ignore"):
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
