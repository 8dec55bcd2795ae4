"""One generation on a shared model: steps taken in turn with other requests, cancellable at any point, in figures.

The model belongs to whoever is at the head of the queue, for one step (or one prefill) at a time: two users'
answers grow side by side, and a reader that stops reading holds nothing. Knows token ids, not text.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.events import RunStats, SourceCounts
from decoding.engine import Engine
from decoding.interfaces import Commit, FinishReason, Request
from decoding.stats import Stats

_POLL_S: Final = 0.05
_STAGES: Final = ("retrieve", "prompt", "prefill", "decode")


class Turns:
    """A first-come, first-served lock, which a waiting thread can give up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextlib.contextmanager
    def turn(self, given_up: Callable[[], bool]) -> Iterator[bool]:
        """Wait for the turn and hold it; False if ``given_up`` said so before it came."""
        ticket = threading.Event()
        with self._lock:
            self._waiting.append(ticket)
            if len(self._waiting) == 1:
                ticket.set()
        try:
            while not ticket.wait(_POLL_S):
                if given_up():
                    break
            yield ticket.is_set()
        finally:
            with self._lock:
                self._waiting.remove(ticket)
                if self._waiting:
                    self._waiting[0].set()


class Generation:
    """A request on its way. Iterate it for commits; ``cancel`` may be called from any thread."""

    def __init__(self, engine: Engine, turns: Turns, request: Request, *, speculate: bool) -> None:
        self._session = engine.session(request, speculate=speculate)
        self._turns = turns
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End before the next step or prefill chunk."""
        self._cancelled.set()
        self._session.cancel()

    @property
    def finish_reason(self) -> FinishReason:
        """Why it ended; ``cancelled`` until it has."""
        return self._session.finish_reason or FinishReason.CANCELLED

    @property
    def stats(self) -> Stats:
        """The session's counts so far."""
        return self._session.stats

    def __iter__(self) -> Iterator[Commit]:
        """Commits; none after ``cancel``."""
        steps = iter(self._session)
        while True:
            with self._turns.turn(self._cancelled.is_set) as mine:
                commit = next(steps, None) if mine else None
            if commit is None:
                return
            yield commit


@dataclass(slots=True)
class Figures:
    """What becomes ``RunStats``: times by stage from ``begun_at`` on, and the sum of several sessions' counts."""

    begun_at: float = field(default_factory=time.perf_counter)
    stages_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_STAGES, 0.0))
    first_text_at: float | None = None
    tokens: int = 0
    target_forwards: int = 0
    drafted: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of a block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.stages_s[name] += time.perf_counter() - started

    def saw_text(self) -> None:
        """Text has reached the caller; only the first time counts."""
        if self.first_text_at is None:
            self.first_text_at = time.perf_counter()

    def add(self, stats: Stats) -> None:
        """Add a finished session."""
        self.tokens += stats.tokens
        self.target_forwards += stats.target_forwards
        self.stages_s["prefill"] += stats.prefill_s
        self.stages_s["decode"] += stats.decode_s
        for name, count in stats.by_source.items():
            self.drafted[name] += count.drafted
            self.accepted[name] += count.accepted

    def result(self) -> RunStats:
        """The figures as they are now; times count from ``begun_at``."""
        first = self.first_text_at if self.first_text_at is not None else time.perf_counter()
        return RunStats(
            tokens=self.tokens,
            target_forwards=self.target_forwards,
            mean_acceptance_length=self.tokens / self.target_forwards if self.target_forwards else 0.0,
            by_source={name: SourceCounts(self.drafted[name], self.accepted[name]) for name in sorted(self.drafted)},
            ttft_s=first - self.begun_at,
            tokens_per_s=self.tokens / self.stages_s["decode"] if self.stages_s["decode"] else 0.0,
            stages_s=dict(self.stages_s),
        )
