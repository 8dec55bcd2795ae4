"""The process of a long training run: polite stops, and memory that goes back to the system.

Knows signals and the C library's allocator. Must not know what runs.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_LARGE_BYTES: Final = 2**20


@contextmanager
def stop_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGTERM and at the first Ctrl-C, so that work ends between two steps.

    The second Ctrl-C interrupts as usual. Only in the main thread; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(signum: int, _frame: object) -> None:
        stop()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def return_freed_blocks() -> bool:
    """Let blocks of a MiB or more be mapped one by one from here on. False where the C library is not glibc.

    Batches differ in length, so every step frees blocks of other sizes than the next one needs. glibc learns from the
    first large blocks that are freed to keep all of that size in its heap (its threshold for mapped blocks moves up to
    32 MiB), where they are scattered: a run of a thousand steps held five gigabytes. A threshold that is set does not
    move.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and bool(mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES))
