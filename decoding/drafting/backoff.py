"""When drafting pauses: where nothing can be drafted, the sources are asked every few steps only.

So text that has nothing to copy is written as fast as without drafts. How long a pause lasts follows from what drafting
costs beside a forward: under a slow target there is none. Knows no tokens.
"""

from __future__ import annotations

import math

from decoding.drafting.budget import Budget
from decoding.stats import moving_average

# Steps in a row in which no first token was drafted right, before the first pause; the share of a step's time that
# drafting may cost on the average of such text; the longest pause, in steps; how fast the average of the cost moves.
_PATIENCE = 4
_SHARE = 0.008
_LONGEST = 8
_FRESH = 0.1


class Backoff:
    """One session's. With a budget that counts no time there is none, and the same requests draft the same trees."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._misses = 0
        self._left = 0
        self._cost_s: float | None = None

    def is_now(self) -> bool:
        """Whether the sources are left alone in the step that begins."""
        self._left -= 1
        return self._left >= 0

    def record(self, *, hit: bool, seconds: float) -> None:
        """The sources were asked, which took ``seconds``; ``hit``: one of them had the next token."""
        self._cost_s = moving_average(self._cost_s, seconds, share=_FRESH)
        self._misses = 0 if hit else self._misses + 1
        self._left = self._steps(self._cost_s) if self._misses >= _PATIENCE else 0

    def _steps(self, cost_s: float) -> int:
        if self._budget.costs.is_free:
            return 0
        return min(math.ceil(cost_s / (_SHARE * self._budget.costs.seconds(1))) - 1, _LONGEST)
