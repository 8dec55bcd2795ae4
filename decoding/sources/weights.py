"""The weights of a blend: what they stand for, where they begin, and how they are kept. F features.

A row of features describes a candidate: its longest match, one-hot; the log of its share of all votes; whether another
candidate has a longer match; for matches of 1, 2 and more tokens, whether it is near the cursor and how similar what
stands before it is; its step from the cursor after copying broke off, by how long ago; log chances in history and in
prose; whether and how often it stands in the prompt and in the output, twice: for all and for candidates without a
match; which voices named it. "None of them" has a bias and the longest match of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Places of the features in a row.
LENGTH, SHARE, SHORTER, NEAR, RESUMES, SIMILAR = 0, 6, 7, 8, 11, 23
HISTORY, PHRASES, PROMPT, WRITTEN, FREE, VOICES = 26, 27, 28, 30, 32, 35
NONE, NONE_LENGTH, FEATURES = 43, 44, 51


class Weights(NamedTuple):
    """What is learned: the weights (F) and the sums of the squared gradients (F)."""

    weights_F: NDArray[np.float64]
    squares_F: NDArray[np.float64]


def first_weights() -> Weights:
    """Fresh weights; the sums of squared gradients say how firmly they are held."""
    weights_F = np.zeros(FEATURES)
    weights_F[SHARE], weights_F[HISTORY], weights_F[PHRASES], weights_F[NONE] = 1.0, 0.3, 0.3, 1.0
    return Weights(weights_F, np.ones(FEATURES))
