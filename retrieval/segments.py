"""Immutable segments, newest last, each with a mask of its rows that are still alive: what an index is made of.

Rows can be added or deleted at once, and the slow part, merging segments into one without the deleted rows, can run
beside searches (as in Lucene). Knows rows (integers of the library), not what is stored for them. N rows of a segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

_MERGED_AT_ONCE: Final = 4096  # rows; merging more takes longer than a question should wait


class Segment(Protocol):
    """What an index knows of some rows."""

    @property
    def rows_N(self) -> NDArray[np.int64]:
        """The rows, each once, in any order."""
        ...

    @classmethod
    def merged(cls, segments: Sequence[Self], alive: Sequence[NDArray[np.bool_]]) -> Self:
        """One segment of what is alive in all of them, by a mask (N) each; nothing of the other rows is left in it."""
        ...

    def packed(self) -> dict[str, NDArray[Any]]:
        """All that is in it but its rows, as arrays of little-endian numbers."""
        ...

    @classmethod
    def unpacked(cls, rows_N: NDArray[np.int64], arrays: Mapping[str, memoryview]) -> Self:
        """The inverse of ``packed``. Raises ValueError if the arrays are not those of a segment."""
        ...


S = TypeVar("S", bound=Segment)


@dataclass(frozen=True, slots=True, eq=False)
class LiveSegment(Generic[S]):
    """A segment, and which of its rows are still alive."""

    segment: S
    alive_N: NDArray[np.bool_]

    @classmethod
    def of(cls, segment: S) -> LiveSegment[S]:
        """A segment of which all rows are alive."""
        return cls(segment, np.ones(len(segment.rows_N), dtype=np.bool_))

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows that are alive."""
        return self.segment.rows_N[self.alive_N]

    @property
    def is_whole(self) -> bool:
        """Whether all its rows are alive."""
        return bool(self.alive_N.all())

    def without(self, rows: NDArray[np.int64]) -> LiveSegment[S]:
        """The same with fewer rows alive."""
        return replace(self, alive_N=self.alive_N & ~np.isin(self.segment.rows_N, rows))

    def only(self, rows: NDArray[np.int64]) -> LiveSegment[S]:
        """The same with no other rows alive than these."""
        return replace(self, alive_N=self.alive_N & np.isin(self.segment.rows_N, rows))


class Segments(Generic[S]):
    """The segments of one index. Not thread-safe; its owner holds a lock.

    ``live`` is replaced, never changed: a reader may take it and read on without the lock. ``changes`` counts that.
    """

    def __init__(self, live: Sequence[LiveSegment[S]] = ()) -> None:
        self.live = tuple(live)
        self.changes = 0

    def __len__(self) -> int:
        return sum(int(segment.alive_N.sum()) for segment in self.live)

    def rows(self) -> NDArray[np.int64]:
        """All rows that are alive."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(segment.rows for segment in self.live)])

    def add(self, segment: S) -> None:
        """Add new rows. Small segments are merged, so that there are never many."""
        if not len(segment.rows_N):
            return
        live = [*self.live, LiveSegment.of(segment)]
        while len(live) > 1 and _should_merge(*live[-2:]):
            live[-2:] = [LiveSegment.of(merged(live[-2:]))]
        self.live = tuple(live)
        self.changes += 1

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many were removed."""
        if not rows:
            return 0
        before, removed = len(self), np.asarray(rows, dtype=np.int64)
        remaining = (segment.without(removed) for segment in self.live)
        self.live = tuple(segment for segment in remaining if segment.alive_N.any())
        self.changes += 1
        return before - len(self)

    def replace(self, before: Sequence[LiveSegment[S]], merged_segment: S) -> bool:
        """Replace the segments that were merged; rows that were removed meanwhile stay removed.

        False, and nothing changes, if they are not here any more.
        """
        now = self.live[: len(before)]
        if [live.segment for live in now] != [live.segment for live in before]:
            return False
        removed = [then.segment.rows_N[then.alive_N & ~live.alive_N] for then, live in zip(before, now, strict=True)]
        whole = LiveSegment.of(merged_segment)
        replacement = whole.without(np.concatenate(removed)) if removed else whole
        self.live = (*([replacement] if replacement.alive_N.any() else []), *self.live[len(before) :])
        self.changes += 1
        return True


def merged(live: Sequence[LiveSegment[S]]) -> S:
    """One segment of all that is alive in ``live``, which is not empty."""
    if len(live) == 1 and live[0].is_whole:
        return live[0].segment
    return type(live[0].segment).merged([one.segment for one in live], [one.alive_N for one in live])


def _should_merge(left: LiveSegment[S], right: LiveSegment[S]) -> bool:
    """Every row is copied a few times only, because its segment grows by half or more with each merge."""
    sizes = len(left.segment.rows_N), len(right.segment.rows_N)
    return sum(sizes) <= _MERGED_AT_ONCE and sizes[0] <= 2 * sizes[1]
