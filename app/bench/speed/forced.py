"""Forced decoding: the target computes everything, and chooses what was recorded.

A processor on the target's side, applied alike to every method, so that random weights or another model's answer can
be timed and counted. Knows token ids only. V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.bench.replay.traces import Trace
from decoding.interfaces import Request


@dataclass(frozen=True, slots=True)
class Forced:
    """Allows the recorded token at each output position, and anything behind the last. The state is the position."""

    tokens: tuple[int, ...]

    def start(self) -> int:
        """The first output position."""
        return 0

    def advance(self, state: object, token: int) -> int:
        """The next position, whatever the token."""
        assert isinstance(state, int)
        return state + 1

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Forbid all tokens but the recorded one."""
        assert isinstance(state, int)
        if state < len(self.tokens):
            logits_V[:] = -np.inf
            logits_V[self.tokens[state]] = 0.0


def forced_request(trace: Trace) -> Request:
    """The request that writes the recorded output of ``trace``."""
    return replace(trace.request, max_new_tokens=len(trace.output), processors=(Forced(trace.output),))
