"""What common words mean: a short vector each, so that "holiday" and "vacation" are near though they share no letters.

Vectors of single words by the encoder, turned into few dimensions and rounded; made in training, kept with the scorer.
Knows stems, no texts. V words, D dimensions, Q words of a question, W words of a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_STEPS = 127


@dataclass(frozen=True, slots=True, eq=False)
class Meanings:
    """``rows``: the row of each stem in ``vectors_VD``, int8. Words that it does not know mean only themselves."""

    rows: Mapping[str, int] = field(default_factory=dict)
    vectors_VD: NDArray[np.int8] = field(default_factory=lambda: np.zeros((0, 1), np.int8))

    @classmethod
    def of(cls, words: Sequence[str], vectors_VE: NDArray[np.float32], *, dimension: int) -> Meanings:
        """From the encoder's vectors: what all words share is taken away, and the directions kept that differ most."""
        centred_VE = vectors_VE - vectors_VE.mean(axis=0)
        _, directions_VV = np.linalg.eigh(centred_VE.T @ centred_VE)
        short_VD = centred_VE @ directions_VV[:, ::-1][:, :dimension]
        short_VD /= np.linalg.norm(short_VD, axis=1, keepdims=True) + 1e-9
        return cls({word: row for row, word in enumerate(words)}, np.rint(short_VD * _STEPS).astype(np.int8))

    def likeness(self, asked: Sequence[str], said: Sequence[str]) -> NDArray[np.float32]:
        """(Q, W), 0 to 1: how near the meanings of two stems are; 1 for the same stem."""
        near_QW = np.maximum(self._vectors(asked) @ self._vectors(said).T, 0)
        same_QW = np.array(asked)[:, None] == np.array(said)[None, :]
        found_QW: NDArray[np.float32] = np.where(same_QW, np.float32(1), np.minimum(near_QW, 1)).astype(np.float32)
        return found_QW

    def _vectors(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, zeros for unknown words."""
        vectors_WD = np.zeros((len(words), self.vectors_VD.shape[1]), np.float32)
        for place, word in enumerate(words):
            row = self.rows.get(word)
            if row is not None:
                vectors_WD[place] = self.vectors_VD[row]
        vectors_WD /= _STEPS
        return vectors_WD
