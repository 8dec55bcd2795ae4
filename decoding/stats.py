"""What a session counts: tokens, target forwards, drafted and accepted nodes by source and by depth, and time.

A node that several sources drafted counts for each of them, so the per-source counts may add up to more than the
tree. ``mean_acceptance_length`` is tokens per target forward after prefill, bonus token included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from decoding.tree import TokenTree


@dataclass(frozen=True, slots=True)
class SourceCount:
    """Nodes that a source offered to the target, and how many of them were accepted."""

    drafted: int
    accepted: int


@dataclass(slots=True)
class Stats:
    """Counts of one session; times in seconds. ``failed_sources``: sources switched off, with what they raised."""

    tokens: int = 0
    target_forwards: int = 0
    drafted: int = 0
    accepted: int = 0
    prefill_s: float = 0.0
    decode_s: float = 0.0
    draft_s: float = 0.0
    drafted_by_source: Counter[str] = field(default_factory=Counter)
    accepted_by_source: Counter[str] = field(default_factory=Counter)
    drafted_by_depth: Counter[int] = field(default_factory=Counter)
    accepted_by_depth: Counter[int] = field(default_factory=Counter)
    failed_sources: dict[str, str] = field(default_factory=dict)

    def record(self, tree: TokenTree, path: Sequence[int], committed: int) -> None:
        """Count one step."""
        self.target_forwards += 1
        self.tokens += committed
        self.drafted += tree.drafted
        self.accepted += len(path)
        for node in range(1, len(tree)):
            self.drafted_by_depth[tree.depths[node]] += 1
            for source in tree.sources[node]:
                self.drafted_by_source[source] += 1
        for node in path:
            self.accepted_by_depth[tree.depths[node]] += 1
            for source in tree.sources[node]:
                self.accepted_by_source[source] += 1

    @property
    def mean_acceptance_length(self) -> float:
        """Tokens per target forward, 0 before the first."""
        return self.tokens / self.target_forwards if self.target_forwards else 0.0

    @property
    def by_source(self) -> dict[str, SourceCount]:
        """Drafted and accepted nodes of each source that drafted anything."""
        return {
            name: SourceCount(drafted, self.accepted_by_source[name])
            for name, drafted in sorted(self.drafted_by_source.items())
        }


@dataclass(slots=True)
class Throughput:
    """What a scheduler did for all its sessions: steps, rows in them, committed tokens, and seconds in these steps."""

    steps: int = 0
    rows: int = 0
    tokens: int = 0
    decode_s: float = 0.0

    def record(self, rows: int, tokens: int, seconds: float) -> None:
        """Count one step."""
        self.steps += 1
        self.rows += rows
        self.tokens += tokens
        self.decode_s += seconds

    def since(self, before: Throughput) -> Throughput:
        """What came after ``before``."""
        return Throughput(
            self.steps - before.steps,
            self.rows - before.rows,
            self.tokens - before.tokens,
            self.decode_s - before.decode_s,
        )

    @property
    def tokens_per_s(self) -> float:
        """Committed tokens a second of decoding steps, without the reading of prompts; 0 before the first step."""
        return self.tokens / self.decode_s if self.decode_s else 0.0


def moving_average(average: float | None, value: float, *, share: float) -> float:
    """The exponential moving average with one more value in it, which has ``share``; None: there was none before."""
    return value if average is None else average * (1 - share) + value * share
