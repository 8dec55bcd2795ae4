"""Tells rounding from a mistake: how far forwards that should agree are apart, and how far a mistake would put them.

All differences are root mean squares over the vocabulary, in units of the spread of the logits: rounding falls on all
logits, so that its mean square hardly varies, while its maximum does. V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

# A mistake that changes less than so many times the rounding cannot be told from it, nor does it matter more.
_SHOWS: Final = 2.5
# What looks like rounding is at most so many times what was measured of it.
_LEAST_FACTOR: Final = 1.5
# Norms work in float32 in most models, so that float64 weights round more than float64 does.
_LEAST_EPS: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured: ``difference``, of the forwards to be proven; ``rounding``, of forwards that are right; and
    ``mistakes``, by name, of forwards with one deliberate mistake each.
    """

    difference: float
    rounding: float
    mistakes: Mapping[str, float] = field(default_factory=dict)

    def joined(self, other: Evidence) -> Evidence:
        """The largest of both, figure by figure."""
        names = {*self.mistakes, *other.mistakes}
        return Evidence(
            _largest(self.difference, other.difference),
            max(self.rounding, other.rounding),
            {name: max(self.mistakes.get(name, 0.0), other.mistakes.get(name, 0.0)) for name in names},
        )

    @property
    def mistake(self) -> float:
        """The smallest of the mistakes that show; the rounding if none does."""
        shown = [size for size in self.mistakes.values() if size > _SHOWS * self.rounding]
        return min(shown, default=self.rounding)

    @property
    def contrast(self) -> float:
        """How many times larger a mistake is than rounding."""
        return self.mistake / self.rounding

    @property
    def limit(self) -> float:
        """Up to where a difference is rounding: a third of the way to a mistake, by ratio.

        Nearer to the rounding, because that varies less than what a mistake changes from place to place.
        """
        return self.rounding * max(_LEAST_FACTOR, math.cbrt(self.contrast))

    @property
    def is_right(self) -> bool:
        """Whether the difference is rounding. A difference that is not a number is none."""
        return self.difference <= self.limit

    def __str__(self) -> str:
        shown = f" and a mistake {self.mistake:.1e}" if self.contrast > 1 else ""
        return f"differ by {self.difference:.1e} of their spread, where rounding makes {self.rounding:.1e}{shown}"


def apart(expected_V: NDArray[np.floating], logits_V: NDArray[np.floating]) -> float:
    """How far two logits after the same token are apart. A constant added to all of them changes no probability."""
    spread = float(expected_V.std()) or 1.0
    return float((logits_V - expected_V).std()) / spread


def bounds(model: Any, dtype: torch.dtype, *, is_quantized: bool) -> tuple[float, float]:
    """The least and the most that rounding can be made answerable for, by the type and the number of layers.

    Errors of layers add up like a random walk. The least: two forwards may happen to round alike. The most: what is
    measured as rounding may be a mistake. Quantised weights may round as bfloat16 does, whatever the rest is.
    """
    eps, half = max(_LEAST_EPS, torch.finfo(dtype).eps), torch.finfo(torch.bfloat16).eps
    walk = math.sqrt(max(1, getattr(model.config.get_text_config(), "num_hidden_layers", 1)))
    most = 2 * half if is_quantized else 2 * eps if eps > torch.finfo(torch.float32).eps else 1000 * eps
    return walk * eps / 2, walk * most


def _largest(first: float, second: float) -> float:
    """The larger one; NaN if one of them is."""
    return float(np.maximum(first, second))
