"""What one run took: times by stage and counts of drafts, over all sessions that an answer or a correction needs."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from app.generation.events import RunStats, SourceCounts
from decoding.stats import Stats

_STAGES: Final = ("retrieve", "prompt", "prefill", "decode")


@dataclass(slots=True)
class RunTally:
    """What becomes ``RunStats``: times by stage from ``begun_at`` on, and the sum of several sessions' counts."""

    begun_at: float = field(default_factory=time.perf_counter)
    stages_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_STAGES, 0.0))
    first_text_at: float | None = None
    tokens: int = 0
    target_forwards: int = 0
    drafted: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    failed_sources: dict[str, str] = field(default_factory=dict)
    drafting_note: str = ""

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
        self.failed_sources |= stats.failed_sources
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
            failed_sources=dict(self.failed_sources),
            drafting_note=self.drafting_note,
        )
