"""Streams that nobody reads any more, dropped where it hurts: what tests of the scheduler and of the app work with.

A hang is a failure here, not a test that never ends: ``in_time`` waits for a thread of its own and shows its stack.
"""

from __future__ import annotations

import gc
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 120.0


class Hang(AssertionError):
    """Something did not come to its end."""


class Knot(Generic[T]):
    """Garbage that refers to itself: what it holds is ended by the garbage collector, and by nothing else."""

    def __init__(self, held: T) -> None:
        self.held = held
        self.itself = self


def in_time(action: Callable[[], T], *, within_s: float = PATIENCE_S) -> T:
    """What ``action`` returns or raises, run in a thread of its own. Raises ``Hang`` with the stack of that thread."""
    returned: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(action())
        except BaseException as error:  # noqa: BLE001  # it is raised in the test's own thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(within_s)
    if thread.is_alive():
        frame = sys._current_frames()[thread.ident or 0]
        raise Hang("it hangs:\n" + "".join(traceback.format_stack(frame)))
    if raised:
        raise raised[0]
    return returned[0]


def lines_of(run: Callable[[], object], here: str, before_line: Callable[[int], object]) -> int:
    """Call ``run``; before each line in files that ``here`` is a part of, ``before_line`` with its number, from 1 on.

    How many lines there were.
    """
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if here not in frame.f_code.co_filename:
            return None
        if event == "line":
            lines += 1
            before_line(lines)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return lines


@contextmanager
def collecting_everywhere() -> Iterator[None]:
    """Collect garbage, of all generations, at every allocation of an object that the collector knows."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()  # What there is already is not looked through each time.
    gc.set_threshold(1, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def collecting_never() -> Iterator[None]:
    """Nothing is collected but where a test asks for it, and of that only what is made inside."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
