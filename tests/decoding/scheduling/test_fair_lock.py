"""Turns: one at a time, in order of arrival."""

from __future__ import annotations

import threading
import time

import pytest

from decoding.scheduling.fair_lock import FairLock


def test_turns_are_first_come_first_served() -> None:
    lock, order = FairLock(), list[int]()

    def wait(number: int) -> None:
        with lock.turn():
            order.append(number)

    threads = []
    with lock.turn():
        for number in range(5):
            threads.append(threading.Thread(target=wait, args=(number,)))
            threads[-1].start()
            while len(lock._tickets) < number + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join(timeout=60)
    assert order == [0, 1, 2, 3, 4]


def test_an_interrupted_wait_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FairLock()

    def interrupted(_ready: object) -> bool:
        raise KeyboardInterrupt

    with lock.turn(), monkeypatch.context() as patch:
        patch.setattr(lock._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), lock.turn():
            pass
    with lock.turn():
        assert len(lock._tickets) == 1


def test_who_has_what_it_waits_for_does_not_wait_for_its_turn() -> None:
    lock, ready, got = FairLock(), threading.Event(), list[bool]()

    def wait() -> None:
        with lock.turn(unless=ready.is_set) as held:
            got.append(held)

    waiting = threading.Thread(target=wait)
    with lock.turn() as held:
        assert held
        waiting.start()
        while len(lock._tickets) < 2:
            time.sleep(0.001)
        ready.set()
    waiting.join(5)
    # At the end of a turn the next in line is told; it may find its turn come as well as what it waits for.
    assert len(got) == 1
    assert not lock._tickets


def test_the_last_in_line_leaves_it_with_what_it_waits_for() -> None:
    lock, ready, got = FairLock(), threading.Event(), list[bool]()

    def wait() -> None:
        with lock.turn(unless=ready.is_set) as held:
            got.append(held)

    def step() -> None:
        with lock.turn():
            while not got:
                time.sleep(0.001)

    threads = [threading.Thread(target=step), threading.Thread(target=wait)]
    with lock.turn():
        for number, thread in enumerate(threads):
            thread.start()
            while len(lock._tickets) < number + 2:
                time.sleep(0.001)
        ready.set()
    for thread in threads:
        thread.join(5)
    assert got == [False], "it did not have to wait for the step of the one before it"
    assert not lock._tickets
