"""The drafter of a session: asks every source, and grafts its proposals onto one token tree with calibrated
probabilities.

Free sources are asked first, a costly one only if it is likely to pay for its own time, and none at all in the steps
that ``Backoff`` skips. Sources are not trusted: ids outside the vocabulary are dropped, and a source that raises is
switched off for the request. It may cost speed, never an answer. Knows no source by name.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from decoding.drafting.backoff import Backoff
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration, TaskCalibration
from decoding.interfaces import Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import AT_ROOT, ROOT, DraftTree, TokenTree

log = logging.getLogger(__name__)

# A costly source that does not seem to pay is still asked for this share of the time: what it is worth changes.
_EXPLORED_SHARE: Final = 0.005


@dataclass(frozen=True, slots=True)
class _CostlyDraft:
    """What the costly source ``name`` added to ``tree``: its nodes, and how many tokens were expected without them."""

    name: str
    tree: TokenTree
    added: range
    without: float

    def gain(self, commit: Commit) -> int:
        """How many of the tokens that were committed because they were drafted had no node before."""
        node, gained = ROOT, 0
        for token, names in zip(commit.tokens, commit.sources, strict=True):
            child = self.tree.child(node, token) if names else None
            if child is None:
                break
            node = child
            gained += node in self.added
        return gained


class Drafter:
    """The sources of one session. ``failed`` names those that were switched off, with what they raised."""

    def __init__(
        self,
        sources: Iterable[DraftSource],
        *,
        budget: Budget,
        vocab_size: int,
        calibration: Calibration | None = None,
    ) -> None:
        self._sources = list(sources)
        self._vocab_size = vocab_size
        self._calibrations = calibration if calibration is not None else Calibration()
        self._calibration: TaskCalibration = self._calibrations.of("")
        self._proposed: list[tuple[str, DraftTree]] = []
        self._costly: list[_CostlyDraft] = []
        self._drafted = TokenTree.of(0)
        self._backoff = Backoff(budget)
        self._unobserved: list[Commit] = []
        self._asked_s = 0.0
        self.budget = budget
        self.failed: dict[str, str] = {}

    def start(self, request: Request) -> None:
        """Show the request to every source."""
        self._calibration = self._calibrations.of(request.task)
        self._ask(self._sources, lambda source: source.start(request))

    def draft(self, tokens: Sequence[int], *, root: int, max_depth: int) -> TokenTree:
        """All drafts after the output ``tokens`` as one tree, not cut yet, of at most ``max_depth`` tokens a path.

        ``root`` is the last committed token. Paths through an id outside the vocabulary are dropped whole.
        """
        tree = TokenTree.of(root)
        self._proposed, self._costly = [], []
        if not self._sources or max_depth < 1 or self._backoff.skips_step():
            return tree
        started = time.perf_counter()
        self._tell_sources()
        context = DraftContext(tokens, tree, self.budget.limit, self.budget.least_chance())
        costly: list[DraftSource] = []

        def ask_if_free(source: DraftSource) -> None:
            if source.cost_s(context) > 0:
                costly.append(source)
            else:
                self._merge(source, context, max_depth)

        self._ask(self._sources, ask_if_free)
        self._ask(costly, lambda source: self._extend(source, context, max_depth))
        self._drafted = tree
        self._asked_s = time.perf_counter() - started
        return tree

    def _merge(self, source: DraftSource, context: DraftContext, max_depth: int) -> bool:
        """Graft what a source proposes onto the tree; whether it proposed anything."""
        draft = source.propose(context).within(self._vocab_size)
        if not draft:
            return False
        calibrated = self._calibration.apply(source.name, draft)
        context.drafted.graft(source.name, draft, max_depth=max_depth, probabilities=calibrated)
        self._proposed.append((source.name, draft))
        return True

    def _extend(self, source: DraftSource, context: DraftContext, max_depth: int) -> None:
        """Ask a costly source if (E_with - E_without) / E_without is above its time over that of the forward."""
        tree, limit = context.drafted, context.limit
        without = tree.expected(limit)
        forward_s = self.budget.costs.seconds(1 + min(tree.drafted, limit))
        cost_s = source.cost_s(context)
        if not self._pays(source.name, cost_s / forward_s, without) and not self._calibration.may_explore(
            source.name, _EXPLORED_SHARE * forward_s, cost_s=cost_s
        ):
            return
        nodes = len(tree)
        if self._merge(source, context, max_depth):  # An empty draft says nothing of what the source is worth.
            self._costly.append(_CostlyDraft(source.name, tree, range(nodes, len(tree)), without))
            self._calibration.expect_gain(source.name, without, tree.expected(limit) - without)

    def _pays(self, name: str, cost: float, without: float) -> bool:
        """Whether a source that takes ``cost`` forwards is likely to bring more than that."""
        gain = self._calibration.gain(name, without)
        if gain is None or self.budget.costs.is_free:
            return True
        return gain / without > cost

    def observe(self, commit: Commit) -> None:
        """Learn how good the drafts were, and show every source what was committed, before it is asked again."""
        if self._asked_s:
            started = time.perf_counter()
            was_useful = any(self._drafted.child(ROOT, token) is not None for token in commit.tokens[:1])
            self._learn(commit.tokens)
            for costly in self._costly:
                self._calibration.learn_gain(costly.name, costly.without, costly.gain(commit))
            self._costly = []
            self._unobserved.append(commit)
            self._tell_sources()
            self._backoff.record(was_useful=was_useful, seconds=self._asked_s + time.perf_counter() - started)
            self._asked_s = 0.0
        elif self._sources:
            self._unobserved.append(commit)

    def _tell_sources(self) -> None:
        """Show the sources what was committed since they last observed, steps that were skipped as one commit."""
        if self._unobserved:
            commit, self._unobserved = _joined(self._unobserved), []
            self._ask(self._sources, lambda source: source.observe(commit))

    def _learn(self, committed: Sequence[int]) -> None:
        """Learn from every drafted token whose predecessors were committed, whether it was verified or cut.

        One pass over the nodes of each draft, in the order in which its paths are merged.
        """
        learned: set[tuple[str, int, int]] = set()
        for name, draft in self._proposed:
            depths = {AT_ROOT: 0}  # Of the root, and of the drafted nodes that were committed.
            for node in draft.leaf_order():
                depth = depths.get(draft.parents[node])
                if depth is None or depth == len(committed):
                    continue
                token, right = draft.tokens[node], committed[depth]
                if (name, depth, token) not in learned:
                    learned.add((name, depth, token))
                    bucket = draft.buckets[node] if draft.buckets else 0
                    estimate = draft.probabilities[node]
                    self._calibration.learn(name, bucket, depth + 1, estimate=estimate, accepted=token == right)
                if token == right:
                    depths[node] = depth + 1
        self._proposed = []

    def finish(self) -> None:
        """The session is over: let the sources drop what belongs to it."""
        self._tell_sources()
        self._ask(self._sources, lambda source: source.finish())

    def _ask(self, sources: Iterable[DraftSource], question: Callable[[DraftSource], None]) -> None:
        for source in tuple(sources):
            try:
                question(source)
            except Exception as error:  # noqa: BLE001  # whatever a plugged-in source raises
                log.warning("draft source %s is switched off for this request: %r", source.name, error)
                self.failed[source.name] = repr(error)
                self._sources.remove(source)


def _joined(commits: Sequence[Commit]) -> Commit:
    """Several steps as one commit, with what the target said in the last of them."""
    if len(commits) == 1:
        return commits[0]
    return replace(
        commits[-1],
        tokens=tuple(token for commit in commits for token in commit.tokens),
        sources=tuple(names for commit in commits for names in commit.sources),
        origins=tuple(origin for commit in commits for origin in commit.origins),
    )
