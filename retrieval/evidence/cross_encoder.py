"""The last judgement: a reader that sees question and unit together reads the units that the first stage thinks best.

Knows texts and scores; not what the reader is or where it lies. What was not read stays behind what was. S units, K of
them read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.evidence.relevance_features import Candidate

MOST_READ = 8


class PairReader(Protocol):
    """Reads a question and a unit together. Any thread may use it."""

    def scores(self, question: str, units: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(K,) log-odds that each unit, its leads and its text, answers the question; each by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Blend:
    """How the log-odds of both are made one: a share of each, and a constant."""

    first: float
    read: float
    constant: float


@dataclass(frozen=True, slots=True, eq=False)
class LastJudgement:
    """Judges the ``most`` best candidates of the first stage anew."""

    reader: PairReader
    blend: Blend
    most: int = MOST_READ

    def __call__(
        self, question: str, candidates: Sequence[Candidate], scores_S: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(S,) log-odds of both."""
        best_K = np.argsort(-scores_S, kind="stable")[: self.most]
        read_K = self.reader.scores(question, [(candidates[at].lead, candidates[at].text) for at in best_K.tolist()])
        judged_K = self.blend.first * scores_S[best_K] + self.blend.read * read_K + self.blend.constant
        # Behind all that were read, by as much as the first stage has between them.
        behind = judged_K.min() - self.blend.first * scores_S[best_K[-1]]
        judged_S: NDArray[np.float32] = np.minimum(self.blend.first * scores_S + behind, judged_K.min()).astype(
            np.float32
        )
        judged_S[best_K] = judged_K
        return judged_S
