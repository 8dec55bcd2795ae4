"""A session: draft, verify, accept, commit, until the answer ends. The algorithm is one screen; parts stand beside it.

Invariant at the top of every step: cached tokens == committed tokens - 1; the last committed token is the root of
the tree that is verified next. Plain decoding is the same loop with an empty tree. N tree nodes, V vocabulary.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding import sampling
from decoding.acceptance import Walk, one_draw
from decoding.cache import TreeCache
from decoding.drafting import Drafter
from decoding.interfaces import NO_ORIGIN, Commit, FinishReason, Request
from decoding.stats import Stats
from decoding.target import Target
from decoding.tree import TokenTree


@dataclass(slots=True)
class Session:
    """One request on its way. Iterate it for commits; ``cancel`` may be called from any thread."""

    target: Target
    request: Request
    drafter: Drafter
    tokens: list[int] = field(default_factory=list)
    stats: Stats = field(default_factory=Stats)
    finish_reason: FinishReason | None = None
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
            self.drafter.finish()

    def _start(self, cache: TreeCache) -> None:
        started = time.perf_counter()
        self.drafter.start(self.request)
        self.target.prefill(
            self.request.prompt[:-1], cache, cancelled=self._cancelled.is_set, progress=self.request.progress
        )
        self.stats.prefill_s = time.perf_counter() - started

    def _step(self, cache: TreeCache, choice: Choice) -> Commit:
        """Draft, verify, accept, commit."""
        started = time.perf_counter()
        root = self.tokens[-1] if self.tokens else self.request.prompt[-1]
        candidates = self.drafter.draft(self.tokens, root=root, max_depth=self._room())
        (tree,) = self.drafter.budget.cut([candidates])
        drafted_at = time.perf_counter()
        base = cache.length
        logits_NV = self.target.verify(tree, cache)
        walk = self._accept(tree, logits_NV, choice)
        cache.keep(base, walk.path)
        commit = self._commit(tree, walk)
        ended_at = time.perf_counter()
        self.drafter.budget.refine(len(tree), ended_at - drafted_at)
        self.stats.draft_s += drafted_at - started
        self.stats.decode_s += ended_at - started
        return commit

    def _room(self) -> int:
        """Depth that drafts may have: the target always adds a token of its own behind them."""
        left = min(self.request.max_new_tokens, self.target.context_length - len(self.request.prompt))
        return left - len(self.tokens) - 1

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
        self.drafter.observe(commit)
        return commit


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
