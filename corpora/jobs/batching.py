"""Rows for the passages of many documents at once: alike lengths together, so that the encoder pads little.

Documents go in, and come out as soon as their last row is there. Knows nothing of files, jobs and the database.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from corpora.documents import Passage
from corpora.errors import UnstorableDocument
from corpora.interfaces import Derived

Item = TypeVar("Item")

_WINDOW = 512  # passages that are put in order of length
_STEP_S = 2.5  # what a step should take: whoever wants to stop waits for one kind of rows in it
_FIRST_CHARS = 20_000
_FEWEST_CHARS = 20_000
_MOST_CHARS = 1_000_000


@dataclass(slots=True, eq=False)
class PendingDocument(Generic[Item]):
    """A document whose rows are being computed: what was handed in with it, and how far it is."""

    item: Item
    passages: Sequence[Passage]
    values: dict[str, list[bytes]] = field(default_factory=dict)
    scheduled: int = 0
    done: int = 0
    dropped: bool = False


class EmbeddingBatches(Generic[Item]):
    """All documents whose rows are being computed. Used by one thread."""

    def __init__(self, derived: Sequence[Derived], *, stopping: Callable[[], bool]) -> None:
        """``stopping`` is asked within a step; what was computed of it then counts for nothing."""
        self._derived = derived
        self._stopping = stopping
        self._coming: deque[PendingDocument[Item]] = deque()
        self._window: deque[tuple[PendingDocument[Item], int]] = deque()
        self._empty: deque[PendingDocument[Item]] = deque()  # documents in which nothing could be found
        self._chars = _FIRST_CHARS
        self.passages = 0  # that wait

    @property
    def waiting(self) -> bool:
        """Is there anything to do?"""
        return self.passages > 0 or bool(self._empty)

    def add(self, item: Item, passages: Sequence[Passage]) -> PendingDocument[Item]:
        """Take a document in."""
        waiting = PendingDocument(item, passages)
        waiting.values = {one.kind: [b""] * len(passages) for one in self._derived}
        (self._coming if passages else self._empty).append(waiting)
        self.passages += len(passages)
        return waiting

    def drop(self, waiting: PendingDocument[Item]) -> None:
        """Nobody wants this document's rows any more."""
        waiting.dropped = True
        self.passages -= len(waiting.passages) - waiting.done

    def step(self) -> Iterator[PendingDocument[Item]]:
        """Compute some rows; the documents that this completed, and the others that got on."""
        while self._empty:
            yield self._empty.popleft()
        batch = self._next_batch()
        passages = [waiting.passages[at] for waiting, at in batch]
        if not batch:
            return
        began_s = time.monotonic()
        for one in self._derived:
            rows = one.compute(passages)
            if len(rows) != len(passages):
                raise UnstorableDocument(
                    f"{one.kind} gave {len(rows)} rows for {len(passages)} passages",
                    hint="report this as a bug of the part that computes them",
                )
            for (waiting, at), row in zip(batch, rows, strict=True):
                waiting.values[one.kind][at] = row
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
            self._window.extend(sorted(self._taken(), key=lambda one: -len(one[0].passages[one[1]].text)))
        batch: list[tuple[PendingDocument[Item], int]] = []
        chars = 0
        while self._window and (not batch or chars < self._chars):
            waiting, at = self._window.popleft()
            if not waiting.dropped:
                batch.append((waiting, at))
                chars += len(waiting.passages[at].text)
        return batch

    def _taken(self) -> Iterator[tuple[PendingDocument[Item], int]]:
        """The next passages, those of the oldest documents first, so that documents are completed in turn."""
        room = _WINDOW
        while self._coming and room:
            waiting = self._coming[0]
            upto = min(len(waiting.passages), waiting.scheduled + room)
            room -= upto - waiting.scheduled
            yield from ((waiting, at) for at in range(waiting.scheduled, upto) if not waiting.dropped)
            waiting.scheduled = upto
            if upto == len(waiting.passages):
                self._coming.popleft()

    def _learn(self, chars: int, took_s: float) -> None:
        """Steps of the wanted length, whatever the machine."""
        wanted = chars * _STEP_S / max(took_s, 1e-3)
        self._chars = int(min(max((self._chars + wanted) / 2, _FEWEST_CHARS), _MOST_CHARS))
