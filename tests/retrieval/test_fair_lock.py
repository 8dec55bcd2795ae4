"""A fair lock: one thread at a time, in order of arrival; none starves behind one that comes again and again."""

from __future__ import annotations

import threading
import time

import pytest

from retrieval.fair_lock import FairLock


def test_one_at_a_time() -> None:
    lock = FairLock()
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(50):
            with lock:
                inside.append(number)
                most = max(most, len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, [])


def test_a_greedy_thread_lets_others_in() -> None:
    lock = FairLock()
    waiting, served, stop = threading.Event(), threading.Event(), threading.Event()
    rounds_before_served = 0

    def be_greedy() -> None:
        nonlocal rounds_before_served
        while not stop.is_set():
            with lock:
                rounds_before_served += waiting.is_set() and not served.is_set()
                time.sleep(0.002)

    def ask_once() -> None:
        time.sleep(0.02)
        waiting.set()
        with lock:
            served.set()

    greedy, guest = threading.Thread(target=be_greedy), threading.Thread(target=ask_once)
    greedy.start()
    guest.start()
    assert served.wait(timeout=10)
    stop.set()
    greedy.join()
    guest.join()
    assert rounds_before_served <= 20, "a place in line is worth nothing"


def test_an_error_inside_gives_the_turn_back() -> None:
    lock = FairLock()
    with pytest.raises(ValueError, match="inside"), lock:
        raise ValueError("inside")
    with lock:
        pass


def test_who_is_interrupted_while_waiting_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = FairLock()

    def interrupted() -> None:
        raise KeyboardInterrupt

    with lock:
        monkeypatch.setattr(lock._changed, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt), lock:
            raise AssertionError("not reached")
        monkeypatch.undo()
    with lock:
        assert len(lock._queue) == 1
