"""The door of a batch: a bounded queue, first come, first served, and a moment's patience for those who come back.

Sessions arrive on their own threads while the batch is at a step; nothing here waits for that step.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from decoding.errors import Overloaded

T = TypeVar("T")


class WaitingQueue(Generic[T]):
    """``waiting``: those who have not been let in yet. ``inside`` says how many have."""

    def __init__(self, *, most_inside: int, most_waiting: int, inside: Callable[[], int]) -> None:
        self.waiting: deque[T] = deque()
        self._most_inside = most_inside
        self._most_waiting = most_waiting
        self._inside = inside
        self._changed = threading.Condition()

    @property
    def is_open(self) -> bool:
        """Whether somebody waits and there is room."""
        return bool(self.waiting) and self._inside() < self._most_inside

    @property
    def has_room(self) -> bool:
        """Whether one more may be inside."""
        return self._inside() < self._most_inside

    def enter(self, one: T) -> None:
        """Join the queue. Raises Overloaded if it is full."""
        with self._changed:
            inside = self._inside()
            if len(self.waiting) >= max(0, self._most_inside - inside) + self._most_waiting:
                raise Overloaded(
                    f"{inside} requests run and {len(self.waiting)} wait already.",
                    hint="Try again in a moment, or raise max_waiting.",
                )
            self.waiting.append(one)
            self._changed.notify_all()

    def gather(self, wanted: int, *, patience_s: float) -> None:
        """Wait until ``wanted`` are here, in the queue or inside, but not longer than ``patience_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside() + len(self.waiting) >= wanted, timeout=patience_s)
