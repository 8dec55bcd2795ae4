"""Turns: one at a time, in order of arrival."""

from __future__ import annotations

import threading
import time

import pytest

from decoding.turns import Turns


def test_turns_are_first_come_first_served() -> None:
    turns, order = Turns(), list[int]()

    def wait(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = []
    with turns.turn():
        for number in range(5):
            threads.append(threading.Thread(target=wait, args=(number,)))
            threads[-1].start()
            while len(turns._line) < number + 2:
                time.sleep(0.001)
    for thread in threads:
        thread.join(timeout=5)
    assert order == [0, 1, 2, 3, 4]


def test_an_interrupted_wait_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()

    def interrupted(_ready: object) -> bool:
        raise KeyboardInterrupt

    with turns.turn(), monkeypatch.context() as patch:
        patch.setattr(turns._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), turns.turn():
            pass
    with turns.turn():
        assert len(turns._line) == 1
