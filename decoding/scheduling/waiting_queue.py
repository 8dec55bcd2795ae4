"""Bounded first-in first-out waiting queue in front of the scheduler.

``gather`` waits briefly, so that a client whose request has just finished can join the next step. Sessions arrive on
their own threads while the scheduler is at a step; nothing here waits for that step.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from decoding.errors import Overloaded

T = TypeVar("T")


class WaitingQueue(Generic[T]):
    """``waiting`` holds what is not admitted yet, the oldest first; ``running`` says how many were admitted and run."""

    def __init__(self, *, max_running: int, max_waiting: int, running: Callable[[], int]) -> None:
        self.waiting: deque[T] = deque()
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._running = running
        self._changed = threading.Condition()

    @property
    def can_admit(self) -> bool:
        """Whether something waits and one more may run."""
        return bool(self.waiting) and self.has_room

    @property
    def has_room(self) -> bool:
        """Whether one more may run."""
        return self._running() < self._max_running

    def enter(self, item: T) -> None:
        """Join the queue. Raises Overloaded if it is full."""
        with self._changed:
            running = self._running()
            if len(self.waiting) >= max(0, self._max_running - running) + self._max_waiting:
                raise Overloaded(
                    f"the limit of requests is reached: {running} running, {len(self.waiting)} waiting",
                    hint="try again in a moment, or raise max_waiting",
                )
            self.waiting.append(item)
            self._changed.notify_all()

    def gather(self, count: int, *, patience_s: float) -> None:
        """Wait until ``count`` items run or wait, but not longer than ``patience_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._running() + len(self.waiting) >= count, timeout=patience_s)
