"""What every stream of the app is: an iterator of events that another thread may cancel."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from decoding.scheduling.session import Session

Event = TypeVar("Event")


class CancellableStream(ABC, Generic[Event]):
    """Iterates ``_run``; as a context manager it cancels on leaving."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._session: Session | None = None
        self._events = self._run()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def cancel(self) -> None:
        """Stop within one step or prefill chunk. Thread-safe; does nothing once the stream has ended."""
        self._cancelled.set()
        session = self._session
        if session is not None:
            session.cancel()

    def followed_by(self, then: Callable[[], None]) -> Self:
        """This stream, with ``then`` called when it has ended or is given up; not if it is never begun."""
        self._events = _followed(self._events, then)
        return self

    def _began(self, session: Session) -> Session:
        """Let ``cancel`` reach a session from here on, and end it if it came too early for that."""
        self._session = session
        if self._cancelled.is_set():
            session.cancel()
        return session

    @abstractmethod
    def _run(self) -> Iterator[Event]:
        """The events, computed while they are read."""


def _followed(events: Iterator[Event], then: Callable[[], None]) -> Iterator[Event]:
    try:
        yield from events
    finally:
        then()
