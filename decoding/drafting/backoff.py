"""Backoff: where nothing can be drafted, the sources are asked every few steps only.

So text that has nothing to copy is written as fast as without drafts. How many steps are skipped follows from what
drafting costs beside a forward: under a slow target none. Knows no tokens.
"""

from __future__ import annotations

import math
from typing import Final

from decoding.drafting.budget import Budget
from decoding.stats import moving_average

# Steps in a row in which no first token was drafted right before steps are skipped.
_MOST_MISSES: Final = 4
# The part of a step's time that drafting may cost on the average of such text.
_COST_SHARE: Final = 0.008
# Steps in a row without drafts at most.
_MOST_SKIPPED: Final = 8
# The weight of the latest drafting time in its moving average.
_LATEST_SHARE: Final = 0.1


class Backoff:
    """Which steps of a session draft. Where nodes are free none is skipped: equal requests draft equal trees."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._misses = 0
        self._steps_left = 0
        self._cost_s: float | None = None

    def skips_step(self) -> bool:
        """Whether the step that begins is one without drafts; called once a step."""
        self._steps_left -= 1
        return self._steps_left >= 0

    def record(self, *, was_useful: bool, seconds: float) -> None:
        """The sources were asked, which took ``seconds``; ``was_useful``: one of them had drafted the next token."""
        self._cost_s = moving_average(self._cost_s, seconds, share=_LATEST_SHARE)
        self._misses = 0 if was_useful else self._misses + 1
        self._steps_left = self._skipped(self._cost_s) if self._misses >= _MOST_MISSES else 0

    def _skipped(self, cost_s: float) -> int:
        if self._budget.costs.is_free:
            return 0
        return min(math.ceil(cost_s / (_COST_SHARE * self._budget.costs.seconds(1))) - 1, _MOST_SKIPPED)
