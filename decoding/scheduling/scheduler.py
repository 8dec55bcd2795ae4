"""The scheduler: takes many sessions through each forward pass of one target; they join and leave at any step.

It has no thread of its own: whoever waits for a commit takes the lock and makes a step for everybody. A step
admits sessions, reads one chunk of one prompt, and then drafts, verifies and commits for every row; trees of
different shape are verified in one forward, and each row keeps its own accepted path. The states of a session:

    waiting (in the queue) -> reading (its prompt, in a cache of its own) -> a row <-> parked (unread commits pile up)

A reader may break off anywhere, and then Python may close its iterator anywhere, too: the garbage collector does so in
the middle of a step, on the thread that makes it. So giving up takes no lock and frees nothing. It leaves a mark, and
what the session holds is freed by the next step, or when the next session enters.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Final

from decoding.cuda.graphs import CudaGraphs
from decoding.drafting.budget import Budget
from decoding.interfaces import Commit
from decoding.scheduling import oom_fallback
from decoding.scheduling.fair_lock import FairLock
from decoding.scheduling.prefix_cache import PrefixCache
from decoding.scheduling.session import Session
from decoding.scheduling.waiting_queue import WaitingQueue
from decoding.stats import Throughput
from decoding.target.session_cache import SessionCache
from decoding.target.target import PREFILL_CHUNK, Target
from decoding.tree import TokenTree
from decoding.verification.logits import TreeLogits

# A session whose reader leaves so many commits unread gives up its row until they are read.
_MOST_UNREAD_COMMITS: Final = 8
# A prompt with so few unread tokens is read by the forward that verifies its first tree.
_MOST_JOINING: Final = 64
# How long a step waits for clients that may ask again, as a share of the last forward's time.
_PATIENCE: Final = 0.15
# How long a reader waits where no step can be made, because all sessions wait for other readers.
_IDLE_S: Final = 0.02


@dataclass(slots=True, eq=False)
class Slot:
    """What the scheduler keeps of one session. Written under the lock; the session's reader may look at any time.

    ``cache`` is the session's own while it has no row. ``unread`` is the end of its prompt, which the forward over its
    first tree reads. ``commits`` are those not read yet; ``over``: there will be no more; ``left``: nothing is held.
    """

    session: Session
    cache: SessionCache | None = None
    unread: Sequence[int] = ()
    commits: deque[Commit] = field(default_factory=deque)
    error: BaseException | None = None
    over: bool = False
    left: bool = False

    @property
    def own_cache(self) -> SessionCache:
        """The session's own cache, which it has while it has no row."""
        assert self.cache is not None
        return self.cache

    @property
    def is_behind(self) -> bool:
        """Whether the reader leaves too many commits unread."""
        return len(self.commits) >= _MOST_UNREAD_COMMITS


class Scheduler:
    """At most ``max_rows`` sessions run and ``max_waiting`` more wait; they are served in the order they came."""

    def __init__(
        self,
        target: Target,
        budget: Budget,
        *,
        graphs: CudaGraphs,
        max_rows: int,
        max_waiting: int,
        prefix_bytes: int,
    ) -> None:
        self.target = target
        self.budget = budget
        self.prefixes = PrefixCache(prefix_bytes, target.new_cache)
        self.throughput = Throughput()
        max_rows = min(max_rows, target.max_rows)
        self._lock = FairLock()
        self._queue: WaitingQueue[Slot] = WaitingQueue(
            max_running=max_rows, max_waiting=max_waiting, running=self._running
        )
        self._reading: deque[Slot] = deque()
        self._parked: list[Slot] = []
        self._rows: list[Slot] = []
        self._given_up: deque[Slot] = deque()  # Marks: appended to without the lock.
        self._last_rows, self._last_width, self._last_forward_s = 0, 1, 0.0
        # With CUDA graphs one cache lives as long as the scheduler, since the graphs hold its addresses.
        self._pool = graphs.pool(max_rows)
        self._cache: SessionCache = self._pool if self._pool is not None else target.new_cache(rows=0)

    def iterate(self, session: Session) -> Generator[Commit, None, None]:
        """Run a session and yield its commits as they come, making steps for everybody meanwhile.

        It may be closed at any time, by any thread and by the garbage collector, which waits for nothing.
        Raises Overloaded if too many sessions wait, OutOfMemory, and what a processor or criterion of the session
        raises.
        """
        slot = Slot(session)
        if self._given_up:  # They hold places that this session may need.
            with self._lock.turn(unless=lambda: session.cancelled or not self._given_up) as holds_lock:
                if holds_lock:
                    self._free_given_up()
        self._queue.enter(slot)
        try:
            while not (slot.over and not slot.commits):
                commit = self._next_commit(slot)
                if commit is not None:
                    yield commit
            if slot.error is not None:  # It was raised in a step that another thread made.
                raise slot.error
        finally:
            if not slot.left:
                self._given_up.append(slot)

    def step(self) -> bool:
        """One step for all sessions: admit, prefill, draft, verify, commit. False if nothing could be done.

        The caller holds the lock.
        """
        self._admit()
        if not self._reading and not self._rows:
            return False
        try:
            chunk_was_read = self._prefill()
            if self._rows:
                started = time.perf_counter()
                candidates = self._draft()
                drafted = time.perf_counter()
                trees, logits = self._verify(candidates)
                outcomes = self._accept(trees, logits)
                verified = time.perf_counter()
                self._learn(trees, verified - drafted, beside_a_chunk=chunk_was_read)
                self._commit(outcomes, verified - started)
        except Exception as error:  # noqa: BLE001  # a forward that fails ends every session in it
            for slot in [*self._rows]:
                self._fail(slot, error)
        return True

    def forget(self, also: Callable[[], None]) -> None:
        """Drop the caches of finished sessions, and call ``also`` before the next step is made."""
        with self._lock.turn():
            self._free_given_up()
            self.prefixes.clear()
            also()

    def _running(self) -> int:
        return len(self._rows) + len(self._reading)

    def _next_commit(self, slot: Slot) -> Commit | None:
        """The next commit, after a step if need be; None if the caller has to ask again."""
        moved = True
        with self._lock.turn(unless=lambda: bool(slot.commits) or slot.over) as holds_lock:
            if holds_lock and not slot.commits and not slot.over:
                moved = self.step()
        if slot.commits:
            return slot.commits.popleft()
        if slot.error is not None:
            raise slot.error
        if not moved:
            time.sleep(_IDLE_S)  # Every row belongs to another session, whose reader has to read first.
        return None

    def _admit(self) -> None:
        """Free what was given up and cancelled, park who is behind, bring parked ones back, admit from the queue."""
        # A client whose answer has ended may ask again at once: eight rows in one forward cost less than four in two.
        self._queue.gather(self._last_rows, patience_s=_PATIENCE * self._last_forward_s)
        self._last_rows = 0
        self._free_given_up()
        self._end_cancelled()
        for slot in [slot for slot in self._rows if slot.is_behind]:
            slot.cache = self.target.new_cache(rows=0)
            slot.cache.add_row(self._cache, row=self._rows.index(slot))
            self._drop_row(slot)
            self._parked.append(slot)
        for slot in [slot for slot in self._parked if not slot.is_behind]:
            if self._queue.has_room:
                self._parked.remove(slot)
                self._add_row(slot)
        while self._queue.can_admit:
            self._reading.append(self._queue.waiting.popleft())

    def _free_given_up(self) -> None:
        while self._given_up:
            self._leave(self._given_up.popleft())

    def _end_cancelled(self) -> None:
        for slot in [*self._queue.waiting, *self._reading, *self._parked, *self._rows]:
            if slot.session.cancelled:
                slot.commits.append(slot.session.end())
                self._leave(slot)

    def _prefill(self) -> bool:
        """Give prompts with few unread tokens a row at once; of the others, read one chunk of the first.

        Whether a chunk was read. On a GPU it is only launched here, and read while the rows draft.
        """
        if not self._reading:
            return False
        chunk_was_read = False
        for slot in [*self._reading]:
            started = time.perf_counter()
            try:
                if slot.cache is None:
                    slot.session.start()
                    slot.cache = self.prefixes.find(slot.session.request.prompt)
                chunk_was_read |= self._read_prompt(slot, may_run=not chunk_was_read)
            except Exception as error:  # noqa: BLE001  # what fails for one session ends that session alone
                self._fail(slot, error)
            slot.session.stats.prefill_s += time.perf_counter() - started
        self._end_cancelled()
        return chunk_was_read

    def _read_prompt(self, slot: Slot, *, may_run: bool) -> bool:
        """Give a slot a row, or read a chunk of its prompt if one ``may_run``; whether a chunk was read."""
        request, cache = slot.session.request, slot.own_cache
        unread = request.prompt[cache.length : -1]
        joins = len(unread) <= min(_MOST_JOINING, PREFILL_CHUNK) and self._pays_beside_rows(len(unread))
        if joins:
            slot.unread = unread
            self._reading.remove(slot)
            self._add_row(slot)
        elif may_run:
            chunk = unread if self.target.reads_whole else unread[:PREFILL_CHUNK]
            if not oom_fallback.prefill(self.target, chunk, cache, free_memory=self.prefixes.clear):
                raise oom_fallback.too_large(slot.session)
        else:
            return False
        if request.progress is not None:
            request.progress(len(request.prompt) - 1 if joins else cache.length, len(request.prompt) - 1)
        return not joins

    def _pays_beside_rows(self, unread: int) -> bool:
        """Whether reading so many tokens in a row costs less than in a forward of their own: rows are padded."""
        if not self._rows or all(slot.unread for slot in self._rows):
            return True
        rows, width = len(self._rows) + 1, self._last_width
        padding_s = self.budget.costs.seconds(rows * (width + unread)) - self.budget.costs.seconds(rows * width)
        return padding_s <= self.budget.costs.seconds(max(unread, 1))

    def _draft(self) -> list[TokenTree]:
        """What each row's sources propose, as far as the target can verify it."""
        return [self.target.capability.verifiable(slot.session.draft()) for slot in self._rows]

    def _verify(self, candidates: Sequence[TokenTree]) -> tuple[list[TokenTree], list[TreeLogits | None]]:
        """Cut the trees to the budget and verify them in one forward; logits are None for a row that does not fit."""
        unread = [slot.unread for slot in self._rows]
        trees = self.budget.cut(candidates, unread=[len(tokens) for tokens in unread])
        return oom_fallback.verify(self.target, self._cache, trees, unread, free_memory=self.prefixes.clear)

    def _accept(self, trees: Sequence[TokenTree], logits: Sequence[TreeLogits | None]) -> list[Commit | Exception]:
        """Accept a path in each row and keep it in the cache; a commit, or what ended the session, for each row."""
        accepted = [self._accept_row(*row) for row in zip(self._rows, trees, logits, strict=True)]
        self._cache.keep_rows([path for path, _ in accepted])
        return [outcome for _, outcome in accepted]

    def _accept_row(
        self, slot: Slot, tree: TokenTree, logits: TreeLogits | None
    ) -> tuple[Sequence[int] | None, Commit | Exception]:
        """The accepted path of a row with its commit; None with what ended the session."""
        try:
            if logits is None:
                raise oom_fallback.too_large(slot.session)
            walk, commit = slot.session.accept(tree, logits)
        except Exception as error:  # noqa: BLE001  # a session's processor or criterion ends that session alone
            return None, error
        return walk.path, commit

    def _learn(self, trees: Sequence[TokenTree], forward_s: float, *, beside_a_chunk: bool) -> None:
        """Refine T(n) by the time that the forward took."""
        longest = max(len(slot.unread) + len(tree) for slot, tree in zip(self._rows, trees, strict=True))
        # On a GPU the wait for a forward includes the chunk before it; the first forward of a shape takes longer.
        if self._pool is None or (self._pool.is_warm and not beside_a_chunk):
            self.budget.costs.refine(len(trees) * longest, forward_s)
        self._last_rows, self._last_width, self._last_forward_s = len(trees), max(map(len, trees)), forward_s

    def _commit(self, outcomes: Sequence[Commit | Exception], step_s: float) -> None:
        """Count the step, then publish its commits: readers look at any time, so everything else is done before."""
        committed = sum(len(outcome.tokens) for outcome in outcomes if isinstance(outcome, Commit))
        self.throughput.record(len(outcomes), committed, step_s)
        for slot, outcome in zip([*self._rows], outcomes, strict=True):
            slot.unread = ()
            slot.session.stats.decode_s += step_s
            if isinstance(outcome, Exception):
                self._fail(slot, outcome)
                continue
            slot.commits.append(outcome)
            if outcome.finish_reason is not None:
                self._leave(slot)

    def _add_row(self, slot: Slot) -> None:
        """Move a slot's own cache into the rows."""
        if not self._rows and self._pool is None:
            self._cache = slot.own_cache  # The first session's cache becomes the shared one.
        else:
            self._cache.add_row(slot.own_cache)
        slot.cache = None
        self._rows.append(slot)

    def _drop_row(self, slot: Slot) -> None:
        """Remove a row; the last one takes its number, as in the cache."""
        row = self._rows.index(slot)
        self._cache.drop_row(row)
        last = self._rows.pop()
        if last is not slot:
            self._rows[row] = last
        if not self._rows and self._pool is None:
            self._cache = self.target.new_cache(rows=0)

    def _fail(self, slot: Slot, error: Exception) -> None:
        slot.error = error
        slot.session.fail()
        self._leave(slot)

    def _leave(self, slot: Slot) -> None:
        """Free what a session holds; called again for one that has left, it does nothing."""
        if slot.left:
            return
        slot.left = True
        for queue in (self._queue.waiting, self._reading, self._parked):
            with contextlib.suppress(ValueError):
                queue.remove(slot)
        if slot in self._rows:
            session = slot.session
            if slot.error is None:
                tokens = (*session.request.prompt, *session.tokens)
                self.prefixes.store(tokens, self._cache, self._rows.index(slot))
            self._drop_row(slot)
        slot.cache = None
        slot.session.finish()
        slot.over = True
