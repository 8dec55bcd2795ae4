"""The batch: many sessions on one target, taken through each forward pass together; they join and leave at any step.

There is no thread of its own: whoever waits for a commit takes its turn and makes a step for everybody. A step
admits who waits, reads one chunk of one prompt, and then drafts, verifies and accepts for every row; trees of
different shape stand in one forward, and each row keeps its own accepted path. A session's way through it:

    waiting (at the door) -> reading (its prompt, in a cache of its own) -> a row <-> parked (its reader is behind)
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from decoding.cuda.graphs import pool_for
from decoding.drafting.budget import Budget
from decoding.interfaces import Commit, FinishReason
from decoding.scheduling import oom_fallback
from decoding.scheduling.fair_lock import FairLock
from decoding.scheduling.prefix_cache import PrefixCache
from decoding.scheduling.session import Session
from decoding.scheduling.slot import Slot
from decoding.scheduling.waiting_queue import WaitingQueue
from decoding.stats import Throughput
from decoding.target import oom
from decoding.target.capability import SessionCache
from decoding.target.target import PREFILL_CHUNK, Target
from decoding.tree import TokenTree
from decoding.verification.logits import TreeLogits

_UNREAD: Final = 64
_PATIENCE: Final = 0.15
_IDLE_S: Final = 0.02


class Scheduler:
    """At most ``max_rows`` sessions at work and ``max_waiting`` in the queue, served in the order they came."""

    def __init__(
        self, target: Target, budget: Budget, *, max_rows: int, max_waiting: int, prefixes: PrefixCache
    ) -> None:
        self.target = target
        self.budget = budget
        self.prefixes = prefixes
        self.throughput = Throughput()
        self._turns = FairLock()
        most = min(max_rows, target.max_rows)
        self._door: WaitingQueue[Slot] = WaitingQueue(most_inside=most, most_waiting=max_waiting, inside=self._inside)
        self._served, self._width, self._forward_s = 0, 1, 0.0
        self._reading: deque[Slot] = deque()
        self._parked: list[Slot] = []
        self._rows: list[Slot] = []
        # On a GPU one cache stays for good, since graphs hold its addresses.
        self._pool = pool_for(target, most)
        self._cache: SessionCache = self._pool if self._pool is not None else self._no_rows()

    def run(self, session: Session) -> Iterator[Commit]:
        """Take a session through; its commits as they come. Raises Overloaded, OutOfMemory, and what ended it."""
        seat = Slot(session)
        self._door.enter(seat)
        try:
            while not (seat.over and not seat.commits):
                commit = self._next(seat)
                if commit is not None:
                    yield commit
            if seat.error is not None:  # It came up in somebody else's turn.
                raise seat.error
        finally:
            if not seat.left:
                with self._turns.turn():
                    self._leave(seat)

    def forget(self) -> None:
        """Drop the caches of finished sessions."""
        with self._turns.turn():
            self.prefixes.clear()

    def _inside(self) -> int:
        return len(self._rows) + len(self._reading)

    def _next(self, seat: Slot) -> Commit | None:
        """The next commit, None if it has to be asked for again. Whoever has one already needs no turn."""
        moved = True
        with self._turns.turn(unless=lambda: bool(seat.commits) or seat.over) as mine:
            if mine and not seat.commits and not seat.over:
                moved = self._step()
        if seat.commits:
            return seat.commits.popleft()
        if seat.error is not None:
            raise seat.error
        if not moved:
            time.sleep(_IDLE_S)  # All rows belong to others, whose readers have to come first.
        return None

    def _step(self) -> bool:
        """Whether anything could be done."""
        # Whose answer has ended may ask again at once: eight rows in one forward cost less than four in two.
        self._door.gather(self._served, patience_s=_PATIENCE * self._forward_s)
        self._served = 0
        self._end_cancelled()
        self._admit()
        seats = bool(self._reading) or bool(self._rows)
        try:
            has_read = False
            if self._reading:
                has_read = self._read()
                self._end_cancelled()
            if self._rows:
                self._decode(beside_reading=has_read)
        except Exception as error:  # noqa: BLE001  # a forward that breaks, breaks for all who stand in it
            for seat in [*self._rows]:
                self._fail(seat, error)
        return seats

    def _end_cancelled(self) -> None:
        for seat in [*self._door.waiting, *self._reading, *self._parked, *self._rows]:
            if seat.session.cancelled:
                seat.commits.append(seat.session.end())
                self._leave(seat)

    def _admit(self) -> None:
        """Park who is behind, bring back who has caught up, then let the queue in."""
        for seat in [one for one in self._rows if one.behind]:
            seat.cache = self._no_rows()
            seat.cache.add_row(self._cache, row=self._rows.index(seat))
            self._drop_row(seat)
            self._parked.append(seat)
        for seat in [one for one in self._parked if not one.behind]:
            if self._door.has_room:
                self._parked.remove(seat)
                self._add_row(seat)
        while self._door.is_open:
            self._reading.append(self._door.waiting.popleft())

    def _read(self) -> bool:
        """Prompts of which little is unread take a row at once; of the others, one chunk of the first is read.

        Whether a chunk was. On a GPU it is only launched here, and read while the rows draft.
        """
        has_read = False
        for seat in [*self._reading]:
            started = time.perf_counter()
            try:
                if seat.cache is None:
                    seat.session.start()
                    seat.cache = self.prefixes.find(seat.session.request.prompt, self.target.new_cache)
                has_read |= self._read_some(seat, may_run=not has_read)
            except Exception as error:  # noqa: BLE001  # one session's trouble is its own
                self._fail(seat, error)
            seat.session.stats.prefill_s += time.perf_counter() - started
        return has_read

    def _read_some(self, seat: Slot, *, may_run: bool) -> bool:
        """Whether a chunk was read, for which one forward was made."""
        request, cache = seat.session.request, seat.own
        unread = request.prompt[cache.length : -1]
        joins = len(unread) <= min(_UNREAD, PREFILL_CHUNK) and self._pays_beside_rows(len(unread))
        if joins:
            seat.unread = unread
            self._reading.remove(seat)
            self._add_row(seat)
        elif may_run:
            chunk = unread if self.target.reads_whole else unread[:PREFILL_CHUNK]
            if not oom.enough(lambda: self.target.prefill(chunk, cache)):
                self.prefixes.clear()
                if not oom.enough(lambda: self.target.prefill(chunk, cache)):
                    raise oom_fallback.too_large(seat.session)
        else:
            return False
        if request.progress is not None:
            request.progress(len(request.prompt) - 1 if joins else cache.length, len(request.prompt) - 1)
        return not joins

    def _pays_beside_rows(self, unread: int) -> bool:
        """Whether reading so much in a row costs less than a forward of its own: rows are padded to the longest."""
        if not self._rows or all(seat.unread for seat in self._rows):
            return True
        rows, width = len(self._rows) + 1, self._width
        padding_s = self.budget.costs.seconds(rows * (width + unread)) - self.budget.costs.seconds(rows * width)
        return padding_s <= self.budget.costs.seconds(max(unread, 1))

    def _decode(self, *, beside_reading: bool) -> None:
        """Draft, verify, accept, commit, for every row."""
        started = time.perf_counter()
        seats = list(self._rows)
        written = sum(len(seat.session.tokens) for seat in seats)
        candidates = [self.target.verification.fitting(seat.session.draft()) for seat in seats]
        drafted_at = time.perf_counter()
        trees, logits = oom_fallback.verify(
            self.target,
            self._cache,
            self.budget.cut(candidates, unread=[len(seat.unread) for seat in seats]),
            [seat.unread for seat in seats],
            let_go=self.prefixes.clear,
        )
        accepted = [self._accept(*one) for one in zip(seats, trees, logits, strict=True)]
        self._cache.keep_rows([path for path, _ in accepted])
        ended_at = time.perf_counter()
        self._width = max(map(len, trees))
        longest = max(len(seat.unread) + len(tree) for seat, tree in zip(seats, trees, strict=True))
        # On a GPU the wait for a forward is also one for the chunk before it; the first in a shape takes longer.
        if self._pool is None or (self._pool.is_warm and not beside_reading):
            self.budget.costs.refine(len(trees) * longest, ended_at - drafted_at)
        self._served, self._forward_s = len(seats), ended_at - drafted_at
        committed = sum(len(seat.session.tokens) for seat in seats) - written
        self.throughput.record(len(seats), committed, ended_at - started)
        for seat, (_, outcome) in zip(seats, accepted, strict=True):
            seat.unread = ()
            seat.session.stats.decode_s += ended_at - started
            self._hand_over(seat, outcome)

    def _hand_over(self, seat: Slot, outcome: Commit | Exception) -> None:
        """Last of all: readers look at any time, and what they find must be all there is."""
        if isinstance(outcome, Exception):
            self._fail(seat, outcome)
            return
        seat.commits.append(outcome)
        if outcome.finish_reason is not None:
            self._leave(seat)

    def _accept(
        self, seat: Slot, tree: TokenTree, logits: TreeLogits | None
    ) -> tuple[Sequence[int] | None, Commit | Exception]:
        """The accepted path of a row with its commit; None with what ended its session."""
        try:
            if logits is None:
                raise oom_fallback.too_large(seat.session)
            walk, commit = seat.session.accept(tree, logits)
        except Exception as error:  # noqa: BLE001  # one session's processor or criterion is its own
            return None, error
        return walk.path, commit

    def _add_row(self, seat: Slot) -> None:
        if not self._rows and self._pool is None:
            self._cache = seat.own  # The first one brings its own cache along.
        else:
            self._cache.add_row(seat.own)
        seat.cache = None
        self._rows.append(seat)

    def _drop_row(self, seat: Slot) -> None:
        row = self._rows.index(seat)
        self._cache.drop_row(row)
        last = self._rows.pop()
        if last is not seat:
            self._rows[row] = last
        if not self._rows and self._pool is None:
            self._cache = self._no_rows()

    def _fail(self, seat: Slot, error: Exception) -> None:
        seat.error = error
        seat.session.finish_reason = FinishReason.FAILED
        self._leave(seat)

    def _leave(self, seat: Slot) -> None:
        """Free what a session holds; called again for one that has left, it does nothing."""
        if seat.left:
            return
        seat.left = True
        for queue in (self._door.waiting, self._reading, self._parked):
            with contextlib.suppress(ValueError):
                queue.remove(seat)
        if seat in self._rows:
            session = seat.session
            if seat.error is None:
                tokens = (*session.request.prompt, *session.tokens)
                self.prefixes.store(tokens, self._cache, self._rows.index(seat), self._no_rows)
            self._drop_row(seat)
        seat.cache = None
        seat.session.finish()
        seat.over = True

    def _no_rows(self) -> SessionCache:
        cache = self.target.new_cache()
        cache.lengths.clear()
        return cache
