"""A lock that goes to whoever has waited longest, so that a thread that asks again at once shuts nobody out."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator


class FairLock:
    """First in, first out: ``with lock.turn():`` holds it. Not reentrant."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets: deque[object] = deque()

    @contextlib.contextmanager
    def turn(self, unless: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Wait for the lock and hold it: True. False if ``unless`` became true while another thread held it."""
        ticket = object()
        try:
            with self._changed:
                self._tickets.append(ticket)
                self._changed.wait_for(lambda: self._tickets[0] is ticket or unless())
                is_held = self._tickets[0] is ticket
            if not is_held:
                self._leave(ticket)
            yield is_held
        finally:  # Wherever it is interrupted: nobody may wait behind this ticket.
            self._leave(ticket)

    def _leave(self, ticket: object) -> None:
        """Give up a place in the queue, or the lock; nothing happens where it was given up before."""
        with self._changed:
            if ticket in self._tickets:
                self._tickets.remove(ticket)
                self._changed.notify_all()
