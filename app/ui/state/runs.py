"""Streams that run for browser tabs: read by a thread, handed to the page in batches, stopped on request.

A stream blocks while the target works, so a thread of its own reads the events, and the event loop collects them every
70 ms. Leaving ``batches`` for any reason, a click on Stop or a browser that went away, cancels the stream. Python may
make a handler leave wherever its garbage is collected, so nothing here takes a lock: what two threads change is one
attribute or one entry. Must not know what the events mean.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from app.ui.state.interfaces import EventStream

_INTERVAL_S = 0.07
_GRACE_S = 0.35  # so long may a cancelled stream still run before the page stops waiting for it
# An empty batch is yielded this often: only when something is yielded does Gradio notice that the browser has gone.
_HEARTBEAT_S = 0.25


@dataclass(frozen=True, slots=True)
class _End:
    """The last item of the queue, with the exception that ended the stream if one did."""

    error: Exception | None


class Run:
    """One stream, from its opening to its end."""

    def __init__(self, open_stream: Callable[[], EventStream]) -> None:
        """Start at once: ``open_stream`` is called on the run's own thread."""
        self._open = open_stream
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stream: EventStream | None = None
        self._cancelled_s: float | None = None
        self._ended = False
        threading.Thread(target=self._pump, name="spandraft-page-run", daemon=True).start()

    @property
    def stopped(self) -> bool:
        """Whether ``cancel`` was called before the stream had ended."""
        return self._cancelled_s is not None

    def cancel(self) -> None:
        """Ask the stream to stop; harmless when it has ended."""
        if self._ended or self._cancelled_s is not None:
            return
        self._cancelled_s = time.monotonic()
        stream = self._stream
        if stream is not None:
            stream.cancel()

    async def batches(self) -> AsyncGenerator[list[Any], None]:
        """The events since the last batch, until the stream ends; may be empty. Raises what the stream raised.

        After ``cancel`` it ends with the stream, or 0.35 s later if the running step takes longer than that.
        """
        yielded_s = time.monotonic()
        try:
            while True:
                await asyncio.sleep(_INTERVAL_S)
                batch: list[Any] = []
                end = self._drain(batch)
                now_s = time.monotonic()
                out_of_patience = self._cancelled_s is not None and now_s - self._cancelled_s > _GRACE_S
                if end is not None and end.error is not None and not self.stopped:
                    raise end.error
                if batch or end is not None or now_s - yielded_s > _HEARTBEAT_S:
                    yielded_s = now_s
                    yield batch
                if end is not None or out_of_patience:
                    return
        finally:
            self.cancel()

    def _drain(self, batch: list[Any]) -> _End | None:
        while True:
            try:
                event = self._events.get_nowait()
            except queue.Empty:
                return None
            if isinstance(event, _End):
                return event
            batch.append(event)

    def _pump(self) -> None:
        error: Exception | None = None
        try:
            stream = self._open()
            self._stream = stream
            if self._cancelled_s is not None:  # ``cancel`` sets this before it looks for the stream.
                stream.cancel()
            for event in stream:
                self._events.put(event)
        except Exception as caught:  # noqa: BLE001 - ``batches`` raises it in the page, which shows or logs it
            error = caught
        self._ended = True
        self._events.put(_End(error))


class Runs:
    """Which run belongs to which browser tab, so that Stop finds it."""

    def __init__(self) -> None:
        """Start without runs."""
        self._tabs: dict[Run, str] = {}

    def start(self, tab: str, open_stream: Callable[[], EventStream]) -> Run:
        """Start a run for ``tab``; one that is still running there is stopped."""
        run = Run(open_stream)
        previous = self._of(tab)
        self._tabs[run] = tab
        for other in previous:
            other.cancel()
        return run

    def finish(self, run: Run) -> None:
        """Forget a run that has ended."""
        self._tabs.pop(run, None)

    def stop(self, tab: str) -> None:
        """Stop what runs for ``tab``."""
        for run in self._of(tab):
            run.cancel()

    def stop_all(self) -> None:
        """Stop everything, at shutdown."""
        for run in list(self._tabs):
            run.cancel()

    def _of(self, tab: str) -> list[Run]:
        return [run for run, its_tab in list(self._tabs.items()) if its_tab == tab]
