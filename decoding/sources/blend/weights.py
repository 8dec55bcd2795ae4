"""The weights of a blend: what each feature stands for, and where learning begins. F features.

A row of features describes a candidate: its longest match, one-hot; the log of its share of all votes; whether another
candidate has a longer match; for matches of 1, 2 and more tokens, whether it is near the cursor and how similar what
stands before it is; its step from the cursor after copying broke off, by how long ago; log probabilities in history and
in prose; whether and how often it stands in the prompt and in the output, twice: for all and for candidates without a
match; which parts contributed it. "None of them" has a bias and the longest match of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Positions of the features in a row.
LENGTH, SHARE, SHORTER, NEAR, RESUMES, SIMILAR = 0, 6, 7, 8, 11, 23
HISTORY, PHRASES, PROMPT, WRITTEN, FREE, CONTRIBUTORS = 26, 27, 28, 30, 32, 35
NONE, NONE_LENGTH, FEATURES = 43, 44, 51


class Weights(NamedTuple):
    """What is learned: the weights (F) and the sums of the squared gradients (F)."""

    weights_F: NDArray[np.float64]
    squares_F: NDArray[np.float64]


# Learned over simulated answers from SQuAD: eight passages of an article and a question, then the sentences that hold
# two answers between sentences of another passage (app.training.blend_weights). Then moved three tenths of the way
# back to the weights that training began with, because real answers quote less neatly.
_FIRST = (
    -0.33, 0.48, 0.33, 0.77, 1.5, 1.34,  # LENGTH
    0.87, 0.13,  # SHARE, SHORTER
    0.11, 0.54, 1.57,  # NEAR
    0.0, 0.0, -0.09, -0.13, -0.29, 0.38, 0.39, 0.15, -0.06, -0.11, 0.14, 0.09,  # RESUMES
    0.18, 0.05, -0.02,  # SIMILAR
    0.45, 0.36,  # HISTORY, PHRASES
    0.62, 0.01,  # PROMPT
    -0.0, -0.1,  # WRITTEN
    -0.32, 0.05, 0.3,  # FREE
    -2.02, 1.63, -1.7, 0.97, -1.13, 0.53, -1.92, -0.4,  # CONTRIBUTORS
    2.25,  # NONE
    0.26, 0.72, 0.88, 0.85, 0.55, 0.37, -0.23,  # NONE_LENGTH
)  # fmt: skip


def first_weights() -> Weights:
    """Fresh weights; the sums of squared gradients say how firmly they are held: not very."""
    assert len(_FIRST) == FEATURES
    return Weights(np.array(_FIRST), np.ones(FEATURES))
