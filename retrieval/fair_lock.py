"""A lock that goes to whoever has waited longest. Knows nothing of what it guards."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class FairLock:
    """``with turns:`` is a lock in order of arrival. Not to be entered twice by one thread.

    With an ordinary lock a thread that releases and takes it again in a loop keeps it from all others.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    def __enter__(self) -> None:
        me = object()
        with self._changed:
            self._line.append(me)
            try:
                while self._line[0] is not me:
                    self._changed.wait()
            except BaseException:  # interrupted while waiting: those behind must not wait for this place
                self._line.remove(me)
                self._changed.notify_all()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._line.popleft()
            self._changed.notify_all()
