"""Batches the passages of many documents by length, so that the encoder pads little.

Documents go in, and come out as soon as their last derived row is computed. Knows nothing of files, jobs and the
database.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from corpora.counts import count
from corpora.documents import Passage
from corpora.errors import UnstorableDocument
from corpora.interfaces import Derived

Item = TypeVar("Item")

_WINDOW = 512  # passages that are sorted by length
_STEP_S = 2.5  # what a step should take: a stop waits for one kind of rows in it
_FIRST_CHARS = 20_000
_FEWEST_CHARS = 20_000
_MOST_CHARS = 1_000_000


@dataclass(slots=True, eq=False)
class PendingDocument(Generic[Item]):
    """A document whose rows are being computed, with the caller's ``item`` and its progress."""

    item: Item
    passages: Sequence[Passage]
    values: dict[str, list[bytes]] = field(default_factory=dict)
    scheduled: int = 0
    done: int = 0
    dropped: bool = False


class EmbeddingBatches(Generic[Item]):
    """The documents whose rows are being computed. Used by one thread."""

    def __init__(self, derived: Sequence[Derived], *, stopping: Callable[[], bool]) -> None:
        """``stopping`` is asked between the kinds of a step; if it says so, the step's rows are thrown away."""
        self._derived = derived
        self._stopping = stopping
        self._incoming: deque[PendingDocument[Item]] = deque()
        self._window: deque[tuple[PendingDocument[Item], int]] = deque()
        self._empty: deque[PendingDocument[Item]] = deque()  # documents without passages
        self._chars = _FIRST_CHARS
        self.passages = 0  # that wait

    @property
    def waiting(self) -> bool:
        """Whether there is anything to compute or to return."""
        return self.passages > 0 or bool(self._empty)

    def add(self, item: Item, passages: Sequence[Passage]) -> PendingDocument[Item]:
        """Add a document."""
        waiting = PendingDocument(item, passages)
        waiting.values = {derived.kind: [b""] * len(passages) for derived in self._derived}
        (self._incoming if passages else self._empty).append(waiting)
        self.passages += len(passages)
        return waiting

    def drop(self, waiting: PendingDocument[Item]) -> None:
        """Compute no more rows for this document."""
        waiting.dropped = True
        self.passages -= len(waiting.passages) - waiting.done

    def step(self) -> Iterator[PendingDocument[Item]]:
        """Compute the rows of one batch; yields the documents that had passages in it, complete or not."""
        while self._empty:
            yield self._empty.popleft()
        batch = self._next_batch()
        passages = [waiting.passages[index] for waiting, index in batch]
        if not batch:
            return
        began_s = time.monotonic()
        for derived in self._derived:
            rows = derived.compute(passages)
            if len(rows) != len(passages):
                raise UnstorableDocument(
                    f"{derived.kind} gave {count(len(rows), 'row')} for {count(len(passages), 'passage')}",
                    hint="report this as a bug of the part that computes them",
                )
            for (waiting, index), row in zip(batch, rows, strict=True):
                waiting.values[derived.kind][index] = row
            if self._stopping():
                return
        self._learn(sum(len(passage.text) for passage in passages), time.monotonic() - began_s)
        for waiting, _ in batch:
            waiting.done += 1
            self.passages -= 1
        yield from dict.fromkeys(waiting for waiting, _ in batch)

    def _next_batch(self) -> list[tuple[PendingDocument[Item], int]]:
        """As many passages of about one length as a step may take."""
        if not self._window:
            by_length = sorted(self._taken(), key=lambda entry: -len(entry[0].passages[entry[1]].text))
            self._window.extend(by_length)
        batch: list[tuple[PendingDocument[Item], int]] = []
        chars = 0
        while self._window and (not batch or chars < self._chars):
            waiting, index = self._window.popleft()
            if not waiting.dropped:
                batch.append((waiting, index))
                chars += len(waiting.passages[index].text)
        return batch

    def _taken(self) -> Iterator[tuple[PendingDocument[Item], int]]:
        """The next passages, those of the oldest documents first, so that documents are completed in order."""
        room = _WINDOW
        while self._incoming and room:
            waiting = self._incoming[0]
            upto = min(len(waiting.passages), waiting.scheduled + room)
            room -= upto - waiting.scheduled
            yield from ((waiting, index) for index in range(waiting.scheduled, upto) if not waiting.dropped)
            waiting.scheduled = upto
            if upto == len(waiting.passages):
                self._incoming.popleft()

    def _learn(self, chars: int, took_s: float) -> None:
        """Adjust the size of batches, so that a step takes ``_STEP_S`` on this machine."""
        ideal = chars * _STEP_S / max(took_s, 1e-3)
        self._chars = int(min(max((self._chars + ideal) / 2, _FEWEST_CHARS), _MOST_CHARS))
