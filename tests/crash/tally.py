"""What a suite has tried and what went wrong, and trials on two cores at a time."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.crash.children import Zygote

T = TypeVar("T")
ENOUGH = 20  # problems after which no more trials are made: the first tells as much as the last


@dataclass
class Tally:
    """The count of one suite. ``figures`` are whatever else is worth knowing."""

    suite: str
    seed: int
    tried: int = 0
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, what: str, problems: Iterable[str]) -> None:
        """One more trial; what was wrong about it is said with what it was."""
        self.tried += 1
        self.problems.extend(f"{what}: {problem}" for problem in problems)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.started, 1)

    def show(self) -> None:
        """One line, seen with ``-s`` or ``-rP``."""
        sys.stdout.write(f"{self.suite}: {self.tried} tried, {len(self.problems)} problems, {self.figures}\n")


def shared_out(zygotes: list[Zygote], trials: Iterable[T], attempt: Callable[[Zygote, T], None], tally: Tally) -> None:
    """Make all trials, one at a time with each zygote, until there are enough problems."""
    coming = iter(list(trials))
    lock = threading.Lock()

    def work(zygote: Zygote) -> None:
        while len(tally.problems) < ENOUGH:
            with lock:
                trial = next(coming, None)
            if trial is None:
                return
            attempt(zygote, trial)

    with ThreadPoolExecutor(len(zygotes)) as pool:
        for future in [pool.submit(work, zygote) for zygote in zygotes]:
            future.result()
