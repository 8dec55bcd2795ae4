"""Streams that are given up: wherever the collector ends one, if in the middle of a step, nothing waits, all is freed.

The null control is the scheduler as it was before: ``_takes_a_turn`` frees what it holds under the lock.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import Overloaded
from decoding.interfaces import Commit, Request
from decoding.scheduling.scheduler import Scheduler, Slot
from decoding.scheduling.session import Session
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target.target import Target
from tests.support.fakes import VOCABULARY
from tests.support.giving_up import Hang, Knot, collecting_everywhere, collecting_never, in_time, lines_of

Commits = Generator[Commit, None, None]
_DROPPED = 6  # streams beside one request


def requests(count: int, *, tokens: int = 5) -> list[Request]:
    rng = np.random.default_rng(7)
    return [Request(tuple(rng.integers(1, VOCABULARY, 8 + 3 * number).tolist()), tokens) for number in range(count)]


def engine_of(target: Target, **options: Any) -> Engine:
    return Engine(target, sources=lambda: make_sources(DEFAULT_SOURCES), budget=Budget(limit=8), **options)


def begun(engine: Engine, request: Request) -> Commits:
    """A stream that is being read: it has a row."""
    stream = engine.iterate(engine.session(replace(request, max_new_tokens=60)))
    next(stream)
    return stream


def several_begun(engine: Engine, request: Request) -> list[Knot[Commits]]:
    return [Knot(begun(engine, request)) for _ in range(_DROPPED)]


def several_parked(engine: Engine, request: Request) -> list[Knot[Commits]]:
    """Streams whose readers have fallen behind while another one was served."""
    knots = several_begun(engine, request)
    engine.generate(replace(request, max_new_tokens=10))
    assert len(engine._scheduler._parked) >= _DROPPED
    return knots


def is_empty(engine: Engine) -> bool:
    """Whether nothing is held of any session."""
    scheduler = engine._scheduler
    return not (scheduler._rows or scheduler._reading or scheduler._parked or scheduler._queue.waiting)


@pytest.mark.parametrize("several", [several_begun, several_parked])
@pytest.mark.parametrize(
    "here",
    ["/decoding/scheduling/", pytest.param("/decoding/", marks=pytest.mark.slow)],
    ids=["of-the-scheduler", "of-everything"],
)
def test_a_stream_collected_at_any_line_of_a_step_holds_up_nobody(
    llama: Target, several: Callable[[Engine, Request], list[Knot[Commits]]], here: str
) -> None:
    forgotten, asked = requests(2, tokens=1)
    engine = Engine(llama, sources=list, budget=Budget(limit=8))
    expected = engine.generate(asked).tokens

    def ask(knots: dict[int, Knot[Commits]]) -> int:
        """One request; before each line that is named a stream is dropped. How many lines there were."""

        def collect(line: int) -> None:
            if knots.pop(line, None) is not None:
                gc.collect(0)

        session = engine.session(asked)
        lines = lines_of(lambda: [*engine.iterate(session)], here, collect)
        assert session.tokens == expected, "it notices nothing of the others"
        return lines

    def drop_everywhere() -> int:
        apart = max(ask({}), ask({})) // _DROPPED + 1
        for first in range(1, apart + 1):
            lines = range(first, first + _DROPPED * apart, apart)
            ask(dict(zip(lines, several(engine, forgotten), strict=True)))
        return _DROPPED * apart

    with collecting_never():
        assert in_time(drop_everywhere) > 100, "a request has many lines"
    gc.collect()
    engine.forget()
    assert is_empty(engine)


def test_streams_collected_at_every_allocation_of_a_step_hold_up_nobody(llama: Target) -> None:
    *forgotten, asked = requests(5)
    expected = engine_of(llama).generate(asked).tokens
    engine = engine_of(llama, max_rows=3)

    def ask() -> None:
        for round_ in range(6):
            knots = [Knot(begun(engine, request)) for request in forgotten]
            session = engine.session(asked)
            stream = engine.iterate(session)
            with collecting_everywhere():
                for _ in stream:
                    if knots:
                        knots.pop()  # Collected somewhere in the step that follows, or here.
            assert session.tokens == expected, round_

    in_time(ask)
    gc.collect()
    engine.forget()
    assert is_empty(engine)


def test_threads_that_end_with_a_half_read_stream_leave_nothing(llama: Target) -> None:
    engine = engine_of(llama, max_rows=2, max_waiting=8)
    readers = [threading.Thread(target=lambda one=one: begun(engine, one), daemon=True) for one in requests(6)]

    def read() -> None:
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()

    in_time(read)
    asked = requests(1)[0]
    assert engine.generate(asked).tokens == engine_of(llama).generate(asked).tokens
    assert is_empty(engine)


def test_what_is_given_up_makes_room_for_who_enters(llama: Target) -> None:
    engine = engine_of(llama, max_rows=1, max_waiting=0)
    first, second = requests(2)
    stream = begun(engine, first)
    with pytest.raises(Overloaded):
        engine.generate(second)
    del stream
    assert len(engine.generate(second).tokens) == second.max_new_tokens


def test_a_cancelled_session_does_not_wait_for_what_is_given_up(llama: Target) -> None:
    engine = engine_of(llama, max_rows=1)
    first, second = requests(2)
    begun(engine, first).close()
    session = engine.session(second)
    session.cancel()
    with engine._scheduler._lock.turn():
        waiting = threading.Thread(target=lambda: [*engine.iterate(session)])
        waiting.start()
        while second and not engine._scheduler._queue.waiting:
            waiting.join(0.01)
    waiting.join(30)
    assert session.finish_reason == "cancelled"


def test_outputs_are_forgotten_with_what_a_given_up_session_wrote(llama: Target) -> None:
    engine = engine_of(llama)
    stream = begun(engine, replace(requests(1)[0], scope="somebody"))
    stream.close()
    engine.forget_outputs()
    assert is_empty(engine) and not len(engine._scheduler.prefixes)
    assert not engine.shared.blend.history.scopes and not engine.shared.pia_tries


def _takes_a_turn(self: Scheduler, session: Session) -> Commits:
    """``Scheduler.iterate`` as it was: its end waits for the lock."""
    slot = Slot(session)
    self._queue.enter(slot)
    try:
        while not (slot.over and not slot.commits):
            commit = self._next_commit(slot)
            if commit is not None:
                yield commit
    finally:
        if not slot.left:
            with self._lock.turn():
                self._leave(slot)


def test_a_clean_up_that_takes_a_turn_is_seen_to_hang(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scheduler, "iterate", _takes_a_turn)
    forgotten, asked = requests(2)
    engine = engine_of(llama)
    knots: list[Knot[Commits]] = []
    draft, ended = Session.draft, threading.Event()

    def collecting(self: Session) -> Any:
        knots.clear()
        gc.collect()
        return draft(self)

    monkeypatch.setattr(Session, "draft", collecting)

    def ask() -> None:
        engine.generate(asked)
        ended.set()

    with collecting_never():
        knots.append(Knot(begun(engine, forgotten)))
        with pytest.raises(Hang, match="turn"):
            in_time(ask, within_s=1.0)
    with engine._scheduler._lock._changed:  # Let the thread go that waits for itself.
        engine._scheduler._lock._tickets.popleft()
        engine._scheduler._lock._changed.notify_all()
    assert ended.wait(60)
