"""Words as the numbers the tagger reads: for each place around a word, its name's index and its shape's.

Knows words only. F features: word and shape of each of the 2 * RADIUS + 1 places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.likely_edits.words import CLASSES, EDGE, SHAPES, Word, class_of, shape_of

RADIUS = 3


def names_of(vocabulary: Mapping[str, int], count: int) -> list[str]:
    """What has an embedding: shapes, classes, marks and the ``count`` most frequent words."""
    marks = [mark for mark in ".,?!;:-\"'()" if mark not in vocabulary]
    parts = [part for part in ("n't", "'s", "'re", "'ve", "'ll", "'d", "'m") if part not in vocabulary]
    return [*SHAPES, *CLASSES, *marks, *parts, *sorted(vocabulary, key=vocabulary.__getitem__)[:count]]


def features_of(words: Sequence[Word], names: Mapping[str, int]) -> NDArray[np.int32]:
    """(words + 1, F) indices; the last row is the place behind the last word."""
    edge = (names[EDGE], 3)
    padded = [edge] * RADIUS
    for word in words:
        index = names.get(word.lower)
        padded.append((names[class_of(word.lower)] if index is None else index, shape_of(word.text)))
    padded += [edge] * (RADIUS + 1)
    pairs_N2 = np.asarray(padded, dtype=np.int32)
    windows_W2P = np.lib.stride_tricks.sliding_window_view(pairs_N2, 2 * RADIUS + 1, axis=0)
    return np.ascontiguousarray(windows_W2P.transpose(0, 2, 1).reshape(len(words) + 1, -1))
