"""Whether counts are what probabilities predict: Pearson's chi-square with small cells pooled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

_LEAST_EXPECTED = 5


def p_value(counts_C: NDArray[np.integer], probabilities_C: NDArray[np.floating]) -> float:
    """How probable a deviation this large is; 0 if anything was seen that cannot be."""
    if counts_C[probabilities_C == 0].any():
        return 0.0
    expected_C = counts_C.sum() * probabilities_C
    small_C = expected_C < _LEAST_EXPECTED
    seen, expected = list(counts_C[~small_C]), list(expected_C[~small_C])
    if expected_C[small_C].sum() >= 1:
        seen.append(counts_C[small_C].sum())
        expected.append(expected_C[small_C].sum())
    if len(seen) < 2:
        return 1.0
    statistic = sum((a - b) ** 2 / b for a, b in zip(seen, expected, strict=True))
    return float(chi2.sf(statistic, len(seen) - 1))
