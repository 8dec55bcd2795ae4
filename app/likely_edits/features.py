"""Words as the numbers the tagger reads: for each place around a word, the indices of its name, shape and class.

Knows words only. F features: PARTS of each of the 2 * RADIUS + 1 places.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.likely_edits.words import CLASSES, EDGE, NO_SHAPE, RARE, SHAPES, UNKNOWN, Word, class_of, shape_of

RADIUS, PARTS = 3, 3


def names_of(vocabulary: Mapping[str, int], count: int) -> list[str]:
    """What has an embedding: shapes, classes, marks and the ``count`` most frequent words."""
    marks = [mark for mark in ".,?!;:-\"'()" if mark not in vocabulary]
    parts = [part for part in ("n't", "'s", "'re", "'ve", "'ll", "'d", "'m") if part not in vocabulary]
    return [*SHAPES, *CLASSES, *marks, *parts, *sorted(vocabulary, key=vocabulary.__getitem__)[:count]]


def features_of(words: Sequence[Word], names: Mapping[str, int], known: Container[str]) -> NDArray[np.int32]:
    """(words + 1, F) indices; the last row is the place behind the last word."""
    rare, unknown = names[RARE], names[UNKNOWN]
    edge = (names[EDGE], NO_SHAPE, names[EDGE])
    padded = [edge] * RADIUS
    for word in words:
        small = word.lower
        name = names.get(small) or (rare if small in known else unknown)
        padded.append((name, shape_of(word.text), names[class_of(small)]))
    padded += [edge] * (RADIUS + 1)
    parts_N3 = np.asarray(padded, dtype=np.int32)
    windows_W3P = np.lib.stride_tricks.sliding_window_view(parts_N3, 2 * RADIUS + 1, axis=0)
    return np.ascontiguousarray(windows_W3P.transpose(0, 2, 1).reshape(len(words) + 1, -1))
