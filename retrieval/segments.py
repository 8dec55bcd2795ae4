"""An index as blocks that never change, newest last, each with a mask of its rows that are still there.

So something can be added or deleted at once, and what is slow, making one block of all without the deleted rows, can
be done beside searches. Knows rows (integers of the library), not what is kept for them. N rows of a block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

_MERGED_AT_ONCE = 4096  # rows; making one block of more takes longer than a question should wait


class Segment(Protocol):
    """What an index knows of some rows."""

    @property
    def rows_N(self) -> NDArray[np.int64]:
        """The rows, each once, in any order."""
        ...

    @classmethod
    def merged(cls, blocks: Sequence[Self], alive: Sequence[NDArray[np.bool_]]) -> Self:
        """One block of what is alive in all of them; nothing of the others is left in it."""
        ...

    def packed(self) -> dict[str, NDArray[Any]]:
        """All that is in it but its rows, as arrays of little-endian numbers."""
        ...

    @classmethod
    def unpacked(cls, rows_N: NDArray[np.int64], parts: Mapping[str, memoryview]) -> Self:
        """From what ``packed`` gave. Raises ValueError if it cannot be."""
        ...


B = TypeVar("B", bound=Segment)


@dataclass(frozen=True, slots=True, eq=False)
class Part(Generic[B]):
    """A block, and which of its rows are still there."""

    block: B
    alive_N: NDArray[np.bool_]

    @classmethod
    def of(cls, block: B) -> Part[B]:
        """All of a block."""
        return cls(block, np.ones(len(block.rows_N), dtype=np.bool_))

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows that are still there."""
        return self.block.rows_N[self.alive_N]

    @property
    def is_whole(self) -> bool:
        """Whether all its rows are still there."""
        return bool(self.alive_N.all())

    def without(self, rows: NDArray[np.int64]) -> Part[B]:
        """This with fewer rows."""
        return replace(self, alive_N=self.alive_N & ~np.isin(self.block.rows_N, rows))

    def only(self, rows: NDArray[np.int64]) -> Part[B]:
        """This with no other rows than these."""
        return replace(self, alive_N=self.alive_N & np.isin(self.block.rows_N, rows))


class Segments(Generic[B]):
    """The parts of one index. Not thread-safe; its owner holds a lock. ``parts`` may be kept and read without it."""

    def __init__(self, parts: Sequence[Part[B]] = ()) -> None:
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return sum(int(part.alive_N.sum()) for part in self.parts)

    def rows(self) -> NDArray[np.int64]:
        """All rows that are there."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(part.rows for part in self.parts)])

    def add(self, block: B) -> None:
        """Add new rows. Small blocks are made one, so that there are never many."""
        if not len(block.rows_N):
            return
        parts = [*self.parts, Part.of(block)]
        while len(parts) > 1 and _go_together(*parts[-2:]):
            parts[-2:] = [Part.of(merged(parts[-2:]))]
        self.parts = tuple(parts)

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many went."""
        if not rows:
            return 0
        before, gone = len(self), np.asarray(rows, dtype=np.int64)
        left = (part.without(gone) for part in self.parts)
        self.parts = tuple(part for part in left if part.alive_N.any())
        return before - len(self)

    def replace(self, before: Sequence[Part[B]], block: B) -> bool:
        """Put one block in the place of parts it was merged from; what was removed meanwhile stays removed.

        False, and nothing changes, if they are not here any more.
        """
        now = self.parts[: len(before)]
        if [part.block for part in now] != [part.block for part in before]:
            return False
        gone = [then.block.rows_N[then.alive_N & ~part.alive_N] for then, part in zip(before, now, strict=True)]
        whole = Part.of(block)
        kept = whole.without(np.concatenate(gone)) if gone else whole
        self.parts = (*([kept] if kept.alive_N.any() else []), *self.parts[len(before) :])
        return True


def merged(parts: Sequence[Part[B]]) -> B:
    """One block of what is alive in the parts, of which there is at least one."""
    if len(parts) == 1 and parts[0].is_whole:
        return parts[0].block
    return type(parts[0].block).merged([part.block for part in parts], [part.alive_N for part in parts])


def _go_together(left: Part[B], right: Part[B]) -> bool:
    """Every row is copied a few times only, as the blocks it is in grow by half or more each time."""
    sizes = len(left.block.rows_N), len(right.block.rows_N)
    return sum(sizes) <= _MERGED_AT_ONCE and sizes[0] <= 2 * sizes[1]
