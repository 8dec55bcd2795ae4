"""A lock that is granted in order of arrival. Knows nothing of what it guards.

`decoding.scheduling.fair_lock` is the same: the two floors may not import each other.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class FairLock:
    """A lock in order of arrival, used as a context manager. Not reentrant.

    A thread that releases an ordinary lock and takes it again in a loop can starve all others.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()

    def __enter__(self) -> None:
        ticket = object()
        try:
            with self._changed:
                self._queue.append(ticket)
                while self._queue[0] is not ticket:
                    self._changed.wait()
        except BaseException:  # interrupted, if only on leaving the condition: nobody may wait behind this ticket
            with self._changed:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                    self._changed.notify_all()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._queue.popleft()
            self._changed.notify_all()
