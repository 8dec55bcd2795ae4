"""The second stage: a cross-encoder reads the units that the first stage thinks best, each together with the question.

As rerankers do (Nogueira and Cho 2019). Knows texts and scores; not what the cross-encoder is or where it lies.
S units, K of them read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.evidence.relevance_features import Candidate

DEPTH: Final = 4
"""How many units are read."""


class CrossEncoder(Protocol):
    """Reads a question and a unit together. Any thread may use it."""

    def scores(self, question: str, units: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(K,) log-odds that each unit, its leads and its text, answers the question."""
        ...


@dataclass(frozen=True, slots=True)
class Blend:
    """How the log-odds of both stages are made one: a share of each, and a constant."""

    first: float
    second: float
    constant: float


@dataclass(frozen=True, slots=True, eq=False)
class Reranker:
    """Judges the ``depth`` best units of the first stage anew; the rest stays behind them, in its order."""

    cross_encoder: CrossEncoder
    blend: Blend
    depth: int = DEPTH

    def __call__(
        self, question: str, candidates: Sequence[Candidate], scores_S: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(S,) log-odds of both stages, of those of the first."""
        best_K, rest = np.split(np.argsort(-scores_S, kind="stable"), [self.depth])
        second_K = self.cross_encoder.scores(question, [(candidates[at].lead, candidates[at].text) for at in best_K])
        judged_S = scores_S.astype(np.float32)
        judged_S[best_K] = self.blend.first * scores_S[best_K] + self.blend.second * second_K + self.blend.constant
        if len(rest):
            behind = np.nextafter(judged_S[best_K].min(), np.float32(-np.inf))
            judged_S[rest] = behind - self.blend.first * (scores_S[rest].max() - scores_S[rest])
        return judged_S
