"""A session: draft, verify, accept, commit, until the answer ends. The algorithm is one screen; parts stand beside it.

Invariant at the top of every step: cached tokens == committed tokens - 1; the last committed token is the root of
the tree that is verified next. Plain decoding is the same loop with an empty tree. N tree nodes, V vocabulary.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from decoding import sampling
from decoding.acceptance import Walk, one_draw
from decoding.budget import Budget
from decoding.cache import TreeCache
from decoding.interfaces import NO_ORIGIN, Commit, DraftSource, FinishReason, Request
from decoding.stats import Stats
from decoding.target import Target
from decoding.tree import TokenTree

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """One request on its way. Iterate it for commits; ``cancel`` may be called from any thread.

    ``failed_sources`` names the sources that raised and were switched off, with what they raised.
    """

    target: Target
    request: Request
    sources: list[DraftSource]
    budget: Budget
    tokens: list[int] = field(default_factory=list)
    stats: Stats = field(default_factory=Stats)
    finish_reason: FinishReason | None = None
    failed_sources: dict[str, str] = field(default_factory=dict)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """End the session before its next step or prefill chunk."""
        self._cancelled.set()

    def __iter__(self) -> Iterator[Commit]:
        """Prefill, then one commit a step; the last one carries the finish reason."""
        assert self.finish_reason is None, "a session runs once"
        assert not self.tokens, "a session runs once"
        choice = Choice(self.request)
        cache = self.target.new_cache()
        try:
            self._start(cache)
            while self.finish_reason is None and not self._cancelled.is_set():
                yield self._step(cache, choice)
            if self.finish_reason is None:
                self.finish_reason = FinishReason.CANCELLED
                yield Commit((), (), (), FinishReason.CANCELLED)
        finally:
            for source in self.sources:
                source.finish()

    def _start(self, cache: TreeCache) -> None:
        started = time.perf_counter()
        for source in tuple(self.sources):
            self._guarded(source, lambda source: source.start(self.request))
        self.target.prefill(
            self.request.prompt[:-1], cache, cancelled=self._cancelled.is_set, progress=self.request.progress
        )
        self.stats.prefill_s = time.perf_counter() - started

    def _step(self, cache: TreeCache, choice: Choice) -> Commit:
        """Draft, verify, accept, commit."""
        started = time.perf_counter()
        tree = self._draft()
        drafted_at = time.perf_counter()
        base = cache.length
        logits_NV = self.target.verify(tree, cache)
        walk = self._accept(tree, logits_NV, choice)
        cache.keep(base, walk.path)
        commit = self._commit(tree, walk)
        ended_at = time.perf_counter()
        self.budget.refine(len(tree), ended_at - drafted_at)
        self.stats.draft_s += drafted_at - started
        self.stats.decode_s += ended_at - started
        return commit

    def _draft(self) -> TokenTree:
        """Ask every source, merge, and cut to the budget and to what may still be written."""
        request, written = self.request, len(self.tokens)
        tree = TokenTree.of(self.tokens[-1] if self.tokens else request.prompt[-1])
        room = min(request.max_new_tokens, self.target.context_length - len(request.prompt)) - written
        max_depth = room - 1  # The target always adds a token of its own behind the drafts.
        if max_depth < 1:
            return tree
        for source in tuple(self.sources):
            drafts = self._guarded(source, lambda source: source.propose(self.tokens, self.budget.limit)) or ()
            for draft in drafts:
                if all(0 <= token < self.target.vocab_size for token in draft.tokens):
                    tree.add(source.name, draft, max_depth=max_depth)
        return self.budget.cut(tree)

    def _accept(self, tree: TokenTree, logits_NV: NDArray[np.floating], choice: Choice) -> Walk:
        def draw(node: int) -> int:
            return choice.draw(logits_NV[node])

        def ended(token: int) -> bool:
            self.finish_reason = self._reason(token, choice)
            return self.finish_reason is not None

        return one_draw(tree, draw, ended)

    def _reason(self, token: int, choice: Choice) -> FinishReason | None:
        """Why writing ends with ``token``, if it does; end tokens before stop strings before limits."""
        stopped = choice.stop(token)
        if token in self.request.eos_ids:
            return FinishReason.EOS
        if stopped:
            return FinishReason.STOP
        if choice.written >= self.request.max_new_tokens:
            return FinishReason.LENGTH
        if choice.position >= self.target.context_length:
            return FinishReason.CONTEXT
        return None

    def _commit(self, tree: TokenTree, walk: Walk) -> Commit:
        self.tokens.extend(walk.tokens)
        self.stats.record(tree, walk.path, len(walk.tokens))
        own = len(walk.tokens) - len(walk.path)
        commit = Commit(
            tokens=walk.tokens,
            sources=(*(tree.sources[node] for node in walk.path), *[()] * own),
            origins=(*(tree.origins[node] for node in walk.path), *[NO_ORIGIN] * own),
            finish_reason=self.finish_reason,
        )
        for source in tuple(self.sources):
            self._guarded(source, lambda source: source.observe(commit))
        return commit

    def _guarded(self, source: DraftSource, call: Callable[[DraftSource], T]) -> T | None:
        """A source that raises is switched off for this session: it may cost speed, never an answer."""
        try:
            return call(source)
        except Exception as error:  # noqa: BLE001  # whatever a plugged-in source raises
            log.warning("draft source %s is switched off for this request: %r", source.name, error)
            self.failed_sources[source.name] = repr(error)
            self.sources.remove(source)
            return None


class Choice:
    """The target's choice of each token in turn: processors with their states, sampling noise, stop condition.

    Lives as long as the session and moves with every token drawn, so that drafts leave no trace in it: a token is
    drawn only when all tokens before it are final.
    """

    def __init__(self, request: Request) -> None:
        self._processors = request.processors
        self._states = [processor.start() for processor in request.processors]
        self._sampling = request.sampling
        self.stop: Callable[[int], bool] = request.stop() if request.stop is not None else lambda _token: False
        self.written = 0
        self.position = len(request.prompt)

    def draw(self, logits_V: NDArray[np.floating]) -> int:
        """The next token from its logits, which are changed in place."""
        pairs = list(zip(self._processors, self._states, strict=True))
        for processor, state in pairs:
            processor.apply(state, logits_V)
        token = sampling.choose(logits_V, self._sampling, position=self.position)
        self._states = [processor.advance(state, token) for processor, state in pairs]
        self.written += 1
        self.position += 1
        return token
