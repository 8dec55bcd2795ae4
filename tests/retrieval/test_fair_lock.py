"""Turns: one at a time, in order of arrival, and nobody is shut out by a thread that comes again and again."""

from __future__ import annotations

import threading
import time

import pytest

from retrieval.fair_lock import FairLock


def test_one_at_a_time() -> None:
    turns = FairLock()
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        for _ in range(50):
            with turns:
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
    turns = FairLock()
    waiting, served, stop = threading.Event(), threading.Event(), threading.Event()
    rounds_before_served = 0

    def be_greedy() -> None:
        nonlocal rounds_before_served
        while not stop.is_set():
            with turns:
                rounds_before_served += waiting.is_set() and not served.is_set()
                time.sleep(0.002)

    def ask_once() -> None:
        time.sleep(0.02)
        waiting.set()
        with turns:
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
    turns = FairLock()
    with pytest.raises(ValueError, match="inside"), turns:
        raise ValueError("inside")
    with turns:
        pass


def test_who_is_interrupted_while_waiting_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = FairLock()

    def interrupted() -> None:
        raise KeyboardInterrupt

    with turns:
        monkeypatch.setattr(turns._changed, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt), turns:
            raise AssertionError("not reached")
        monkeypatch.undo()
    with turns:
        assert len(turns._line) == 1
