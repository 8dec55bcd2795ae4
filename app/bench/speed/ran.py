"""What every method answers when it has written one request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished request: seconds in all, and those of prefill, None where drafts were verified with the prompt.

    ``reads_first``: prefill gave the first token, too; else the first step did.
    """

    tokens: tuple[int, ...]
    spent_s: float
    prefill_s: float | None
    reads_first: bool = False
