"""Streams of browser tabs: read in batches, stopped on request, and stopped when the browser has gone."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.ui.state.runs import Run, Runs


class Ticking:
    """A stream of numbers that goes on until it is cancelled."""

    def __init__(self, step_s: float = 0.005, *, deaf: bool = False) -> None:
        self.step_s = step_s
        self.deaf = deaf
        self.cancelled = threading.Event()
        self.ended = threading.Event()

    def __iter__(self) -> Iterator[int]:
        number = 0
        while self.deaf or not self.cancelled.is_set():
            if self.deaf and number > 200:
                break
            yield number
            number += 1
            time.sleep(self.step_s)
        self.ended.set()

    def cancel(self) -> None:
        self.cancelled.set()


async def _collect(run: Run) -> list[Any]:
    async with contextlib.aclosing(run.batches()) as batches:
        return [event async for batch in batches for event in batch]


def test_all_events_arrive_in_order() -> None:
    class Short(Ticking):
        def __iter__(self) -> Iterator[int]:
            yield from range(1000)

    assert asyncio.run(_collect(Run(Short))) == list(range(1000))


@pytest.mark.timed
def test_events_are_coalesced_to_at_most_twenty_batches_a_second() -> None:
    async def watch() -> tuple[int, int]:
        stream = Ticking(0.001)
        run = Run(lambda: stream)
        batches, events, began = 0, 0, time.monotonic()
        async with contextlib.aclosing(run.batches()) as found:
            async for batch in found:
                batches, events = batches + 1, events + len(batch)
                if time.monotonic() - began > 0.6:
                    break
        return batches, events

    batches, events = asyncio.run(watch())
    assert events > 3 * batches
    assert batches <= 12


@pytest.mark.timed
def test_stop_ends_the_stream() -> None:
    async def watch() -> tuple[float, Ticking]:
        runs, stream = Runs(), Ticking()
        run = runs.start("tab", lambda: stream)
        threading.Timer(0.2, runs.stop, ["tab"]).start()
        began = time.monotonic()
        await _collect(run)
        runs.finish(run)
        assert run.stopped
        return time.monotonic() - began, stream

    took_s, stream = asyncio.run(watch())
    assert stream.ended.wait(1)
    assert took_s < 0.2 + 0.5


@pytest.mark.timed
def test_the_page_does_not_wait_for_a_stream_that_does_not_listen() -> None:
    async def watch() -> float:
        run = Run(lambda: Ticking(0.01, deaf=True))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        run.cancel()
        await _collect(run)
        return time.monotonic() - began

    assert asyncio.run(watch()) < 0.5


def test_leaving_cancels() -> None:
    stream = Ticking()

    async def leave() -> None:
        async with contextlib.aclosing(Run(lambda: stream).batches()) as batches:
            async for _ in batches:
                break

    asyncio.run(leave())
    assert stream.cancelled.wait(20) and stream.ended.wait(20)


def test_stop_before_the_stream_is_open() -> None:
    stream, opened = Ticking(), threading.Event()

    def slow() -> Ticking:
        opened.wait(5)
        return stream

    run = Run(slow)
    run.cancel()
    opened.set()
    assert stream.ended.wait(20)


def test_an_error_reaches_the_page() -> None:
    def broken() -> Ticking:
        raise ValueError("cannot open")

    with pytest.raises(ValueError, match="cannot open"):
        asyncio.run(_collect(Run(broken)))


def test_a_second_run_of_a_tab_stops_the_first_and_other_tabs_go_on() -> None:
    runs, first, second, other = Runs(), Ticking(), Ticking(), Ticking()
    runs.start("tab", lambda: first)
    runs.start("elsewhere", lambda: other)
    runs.start("tab", lambda: second)
    assert first.ended.wait(20)
    assert not second.cancelled.is_set() and not other.cancelled.is_set()
    runs.stop_all()
    assert second.ended.wait(20) and other.ended.wait(20)
