"""What a drafter costs: moving averages of measured times, shared by all sessions that it drafts for.

A drafter that reads a prompt of its own spreads that time over the steps that a session has. Without that a small
model would seem cheap on short answers, where reading the prompt is most of its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from decoding.stats import moving_average

_SHARE: Final = 0.2  # Of the latest value in an average.


def average_cost(average_s: float, value_s: float) -> float:
    """The moving average of a cost with one more measured time in it; an average of 0 was never measured."""
    return moving_average(average_s or None, value_s, share=_SHARE)


@dataclass(slots=True)
class PromptCost:
    """Seconds that a prompt token takes to read, and how many steps a session has: moving averages."""

    token_s: float = 0.0
    steps: float = 1.0

    def read(self, tokens: int, seconds: float) -> None:
        """A prompt of ``tokens`` was read in ``seconds``."""
        if tokens:
            self.token_s = average_cost(self.token_s, seconds / tokens)

    def ended(self, steps: int) -> None:
        """A session has had ``steps`` steps."""
        self.steps = moving_average(self.steps, max(steps, 1), share=_SHARE)

    def share_s(self, tokens: int) -> float:
        """Seconds of reading ``tokens`` that fall on each step of a session of average length."""
        return self.token_s * tokens / self.steps
