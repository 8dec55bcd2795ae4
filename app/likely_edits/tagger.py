"""The tagger: how likely each tag is for each word of a text.

One hidden layer over the embeddings of a word and its neighbours. Knows words and tags, never tokens.
W words, F features, P input of the hidden layer, T tags.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.likely_edits.features import PARTS, features_of, names_of
from app.likely_edits.tables import Tables
from app.likely_edits.words import Word

# So few words at a time keep each product below what OpenBLAS shares out among threads, which costs milliseconds on a
# busy machine and gains nothing at this size.
_ROWS = 4


class Tagger:
    """Reads only; one object serves every thread."""

    def __init__(self, tables: Tables) -> None:
        self._weights = tables.weights
        count = len(self._weights["embedding_NE"])
        self._names = {name: index for index, name in enumerate(names_of(tables.vocabulary, count)[:count])}

    def tag(self, words: Sequence[Word]) -> NDArray[np.float32]:
        """(W + 1, T) probabilities; the last row is the place behind the last word."""
        features_WF = features_of(words, self._names)
        logits_WT = np.concatenate(
            [self._logits(rows) for rows in np.split(features_WF, range(_ROWS, len(features_WF), _ROWS))]
        )
        odds_WT = np.exp(logits_WT - logits_WT.max(axis=1, keepdims=True))
        chances_WT: NDArray[np.float32] = odds_WT / odds_WT.sum(axis=1, keepdims=True)
        return chances_WT

    def _logits(self, features_WF: NDArray[np.int32]) -> NDArray[np.float32]:
        weights = self._weights
        parts_WFE = weights["embedding_NE"][features_WF]
        count, _, width = parts_WFE.shape
        input_WP = parts_WFE.reshape(count, -1, PARTS, width).sum(axis=2).reshape(count, -1)
        hidden_WH = np.maximum(input_WP @ weights["hidden_HP"].T + weights["hidden_H"], 0)
        logits_WT: NDArray[np.float32] = hidden_WH @ weights["tags_TH"].T + weights["tags_T"]
        return logits_WT
