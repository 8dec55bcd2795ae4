"""Phrases: what usually follows one or two tokens in English prose, as arrays over token ids.

Counts come from outside, made for the tokenizer at hand; here they are discounted (Ney, Essen and Kneser 1994) and laid
out for the kernels. C contexts, S successors of all contexts, N counts as they come.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DISCOUNT = 0.7
_SHIFT = 32


class Phrases(NamedTuple):
    """``keys_C`` are the sorted contexts: 0 for none, token + 1 for one, (token before + 1) << 32 | token + 1 for two.

    The successors of context c stand at ``starts_C[c]`` up to ``starts_C[c + 1]`` with their probabilities;
    ``rest_C`` is the probability left to the shorter context. The names of the fields are those in the kept file.
    """

    keys_C: NDArray[np.int64]
    starts_C: NDArray[np.int32]
    rest_C: NDArray[np.float32]
    tokens_S: NDArray[np.int32]
    chances_S: NDArray[np.float32]


def no_phrases() -> Phrases:
    """Nothing is known."""
    return Phrases(
        np.zeros(0, np.int64), np.zeros(1, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32),
        np.zeros(0, np.float32),
    )  # fmt: skip


def context_key(before: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keys of contexts of two tokens; -1 where there is none."""
    return ((before + 1) << _SHIFT) | (last + 1)


def phrases_of(
    keys_N: NDArray[np.int64], tokens_N: NDArray[np.int32], counts_N: NDArray[np.float64], *, most: int = 16
) -> Phrases:
    """From counts of (context key, successor), in any order, repeated or not; ``most`` successors a context.

    Successor -1 stands for all that were left out.
    """
    if not keys_N.size:
        return no_phrases()
    order_N = np.lexsort((tokens_N, keys_N))
    keys_N, tokens_N, counts_N = keys_N[order_N], tokens_N[order_N], counts_N[order_N]
    fresh_N = np.r_[True, (keys_N[1:] != keys_N[:-1]) | (tokens_N[1:] != tokens_N[:-1])]
    counts_N = np.add.reduceat(counts_N, np.flatnonzero(fresh_N))
    keys_N, tokens_N = keys_N[fresh_N], tokens_N[fresh_N]
    order_N = np.lexsort((-counts_N, keys_N))
    keys_N, tokens_N, counts_N = keys_N[order_N], tokens_N[order_N], counts_N[order_N]
    keys_C, first_C, kinds_C = np.unique(keys_N, return_index=True, return_counts=True)
    totals_C = np.add.reduceat(counts_N, first_C)
    kept_N = (np.arange(keys_N.size) - np.repeat(first_C, kinds_C) < most) & (tokens_N >= 0)
    chances_N = np.where(kept_N, np.maximum(counts_N - DISCOUNT, 0) / np.repeat(totals_C, kinds_C), 0)
    sizes_C = np.add.reduceat(kept_N, first_C, dtype=np.int64)
    return Phrases(
        keys_C,
        np.r_[0, np.cumsum(sizes_C)].astype(np.int32),
        (1 - np.add.reduceat(chances_N, first_C)).astype(np.float32),
        tokens_N[kept_N].astype(np.int32),
        chances_N[kept_N].astype(np.float32),
    )
