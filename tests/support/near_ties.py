"""The design's rule for float32: ids differ only where the plain run's two best (perturbed) logits nearly tie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decoding.interfaces import Request
from decoding.target.target import Target
from tests.support.trials import say, scores

MARGIN = 1e-4
ONE_IN = 50_000


class NearTies:
    """Counts compared tokens; every first difference must be a near tie, and is printed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.tokens = 0
        self.margins: list[float] = []

    def compare(self, request: Request, found: Sequence[int], plain: Sequence[int]) -> None:
        """Two outputs of one request, up to their first difference: behind it the texts are others."""
        pairs = zip(found, plain, strict=False)
        same = next((at for at, (ours, theirs) in enumerate(pairs) if ours != theirs), min(len(found), len(plain)))
        self.tokens += min(same + 1, len(plain))
        if list(found) == list(plain):
            return
        assert same < min(len(found), len(plain)), (self._target.name, "one output is the beginning of the other")
        second, best = np.sort(scores(self._target, request, plain[:same]))[-2:]
        say(f"{self._target.name}: token {same} differs, {found[same]} for {plain[same]}, margin {best - second:.2e}")
        assert best - second < MARGIN, (self._target.name, same)
        self.margins.append(float(best - second))

    def judge(self) -> None:
        """At most one difference in 50,000 tokens; a smaller run may have one."""
        say(f"{self._target.name}: {len(self.margins)} near ties in {self.tokens} tokens")
        assert len(self.margins) <= max(1, self.tokens // ONE_IN)
