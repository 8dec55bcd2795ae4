"""What every stream of the app is: an iterator of events that another thread may cancel, and anybody may give up.

A stream that is given up, by ``close`` or because nothing refers to it any more, ends wherever Python ends it: the
garbage collector may do so on any thread, in the middle of a step of the decoder. So what a stream does when it is
given up waits for no lock: it leaves a mark for whoever comes next.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Generic, Self, TypeVar

from decoding.scheduling.session import Session

Event = TypeVar("Event")


class Cancellation:
    """Lets a stream's reader, or another thread, reach the session that its events are computed from."""

    def __init__(self) -> None:
        self.cancelled = False
        self._session: Session | None = None

    def cancel(self) -> None:
        """End the session, or the next one to begin."""
        self.cancelled = True
        session = self._session
        if session is not None:
            session.cancel()

    def began(self, session: Session) -> Session:
        """Let ``cancel`` reach a session from here on, and end it if it came too early for that."""
        self._session = session
        if self.cancelled:
            session.cancel()
        return session


class CancellableStream(Generic[Event]):
    """Iterates ``events``; as a context manager it cancels on leaving.

    ``events`` must not refer to the stream: then it is given up as soon as its reader lets it go.
    """

    def __init__(self, events: Generator[Event, None, None], cancellation: Cancellation) -> None:
        self._events = events
        self._cancellation = cancellation

    def __iter__(self) -> Self:
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
        self._cancellation.cancel()

    def close(self) -> None:
        """Cancel, and read no more: what the stream holds is let go now. Thread-safe, and waits for nothing."""
        self.cancel()
        with contextlib.suppress(ValueError):  # Another thread is reading it, and comes to its end within a step.
            self._events.close()

    def followed_by(self, mark: Callable[[], None], then: Callable[[], None]) -> Self:
        """This stream, with two calls at its end, unless it is never begun.

        ``mark`` is called however it ends, if it is given up, too, and must wait for no lock. ``then`` is called
        after it where the stream was read to its end.
        """
        self._events = _followed(self._events, mark, then)
        return self


def _followed(
    events: Generator[Event, None, None], mark: Callable[[], None], then: Callable[[], None]
) -> Generator[Event, None, None]:
    try:
        yield from events
    finally:
        mark()
    then()
