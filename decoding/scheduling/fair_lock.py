"""A lock that goes to whoever has waited longest, so that a thread that steps again at once shuts nobody out."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator


class FairLock:
    """``with turns.turn():`` holds the lock. Not to be entered twice by one thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    @contextlib.contextmanager
    def turn(self, unless: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Wait for the turn and hold it; False if ``unless`` became true in somebody else's turn before it came."""
        me = object()
        with self._changed:
            self._line.append(me)
            try:
                self._changed.wait_for(lambda: self._line[0] is me or unless())
            except BaseException:  # Interrupted while waiting: those behind must not wait for this place.
                self._line.remove(me)
                self._changed.notify_all()
                raise
            is_mine = self._line[0] is me
            if not is_mine:
                self._line.remove(me)
        try:
            yield is_mine
        finally:
            if is_mine:
                with self._changed:
                    self._line.popleft()
                    self._changed.notify_all()
