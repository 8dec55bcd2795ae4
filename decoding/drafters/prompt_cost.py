"""What it costs a drafter to read a prompt of its own: measured, and spread over the steps that a session has.

Without it a small model would seem cheap on short answers, where reading the prompt is most of its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_FRESH: Final = 0.2


@dataclass(slots=True)
class PromptCost:
    """Seconds a prompt token takes, and how many steps sessions have: moving averages, shared by all sessions."""

    token_s: float = 0.0
    steps: float = 1.0

    def read(self, tokens: int, seconds: float) -> None:
        """A prompt of ``tokens`` was read in ``seconds``."""
        if tokens:
            each_s = seconds / tokens
            self.token_s += (each_s - self.token_s) * (_FRESH if self.token_s else 1.0)

    def ended(self, steps: int) -> None:
        """A session has had ``steps`` steps."""
        self.steps += (max(steps, 1) - self.steps) * _FRESH

    def share_s(self, tokens: int) -> float:
        """Seconds of reading ``tokens`` that fall on each step of a session like those before."""
        return self.token_s * tokens / self.steps
