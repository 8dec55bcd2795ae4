"""Decides when index files are written: soon after much has changed, and when nobody has asked for a while.

They are written in a thread beside the questions. Knows how much has changed and how to write, not what.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from corpora.errors import LibraryError
from retrieval.errors import RetrievalError
from retrieval.indexes import Unwritten

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """Write when ``share`` of the passages were added or removed, or after ``idle_s`` without a question.

    After a failure nothing is tried for ``retry_s``.
    """

    share: float = 0.1
    idle_s: float = 3.0
    retry_s: float = 60.0

    def due(self, unwritten: Unwritten) -> bool:
        """Whether so much has changed that it should be written even while questions are asked."""
        return max(unwritten.added, unwritten.removed) >= max(1.0, self.share * unwritten.indexed)


class BackgroundWriter:
    """Writes in a thread of its own, which ends when all is written. If it is killed, only time is lost."""

    def __init__(
        self, policy: WritePolicy, *, unwritten: Callable[[], Unwritten], write: Callable[[], None], name: str
    ) -> None:
        self._policy = policy
        self._unwritten = unwritten
        self._write = write
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_asked = 0.0
        self._not_before = 0.0

    def asked(self) -> None:
        """Note that a question was answered, and start the thread if something is unwritten. Returns at once."""
        unwritten = self._unwritten()
        with self._lock:
            self._last_asked = time.monotonic()
            is_busy = self._thread is not None and self._thread.is_alive()
            if is_busy or not (unwritten.added or unwritten.removed) or self._last_asked < self._not_before:
                return
            self._thread = threading.Thread(target=self._run, name=f"index files of {self._name}", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for what is being written."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._policy.due(unwritten := self._unwritten()):
            if not (unwritten.added or unwritten.removed):
                return  # somebody else wrote it
            idle_s = time.monotonic() - self._last_asked
            if idle_s >= self._policy.idle_s:
                break
            time.sleep(self._policy.idle_s - idle_s)
        try:
            self._write()
        except (LibraryError, RetrievalError, OSError) as error:
            self._not_before = time.monotonic() + self._policy.retry_s
            log.warning("the index files of corpus %s were not written: %s", self._name, error)
