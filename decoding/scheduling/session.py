"""A session: the state of one request while it is drafted for, verified and committed, until the answer ends.

It runs no forward pass and knows no scheduler: the scheduler takes many sessions through each forward together.
Invariant at the top of every step, the prompt counted as committed: cached tokens == committed tokens - 1, and the last
committed token is the root of the tree that is verified next. Except at the first step of a row that joins with the end
of its prompt unread (``Slot.unread``): the forward over its first tree reads these tokens, too. Plain decoding is the
same with an empty tree.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from decoding.drafting.drafter import Drafter
from decoding.interfaces import NO_ORIGIN, Commit, FinishReason, Request, SamplingPosition
from decoding.stats import Stats
from decoding.tree import TokenTree
from decoding.verification import sampling
from decoding.verification.acceptance import Walk, sample_and_match
from decoding.verification.logits import TreeLogits


class Session:
    """One request with its drafter, and what has been committed so far.

    ``Engine.iterate`` runs it, once. ``cancel`` may be called from any thread.
    """

    def __init__(self, request: Request, drafter: Drafter, *, context_length: int) -> None:
        self.request = request
        self.drafter = drafter
        self.tokens: list[int] = []
        self.stats = Stats(failed_sources=drafter.failed)
        self.finish_reason: FinishReason | None = None
        self._choice = Choice(request)
        self._cancelled = False
        self._context_length = context_length

    def cancel(self) -> None:
        """End the session before its next step or prefill chunk. Takes no lock, so that anything may call it."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    @property
    def root(self) -> int:
        """The last committed token."""
        return self.tokens[-1] if self.tokens else self.request.prompt[-1]

    def start(self) -> None:
        """Show the request to the draft sources."""
        self.drafter.start(self.request)

    def draft(self) -> TokenTree:
        """The tree of what may come next, not cut to the budget yet."""
        started = time.perf_counter()
        tree = self.drafter.draft(self.tokens, root=self.root, max_depth=self._room())
        self.stats.draft_s += time.perf_counter() - started
        return tree

    def accept(self, tree: TokenTree, logits: TreeLogits) -> tuple[Walk, Commit]:
        """Choose token by token down the verified tree, and commit what was chosen."""

        def choose(node: int) -> int:
            return self._choice.token(tree, node, logits)

        def ended(token: int) -> bool:
            self.finish_reason = self._reason(token)
            return self.finish_reason is not None

        walk = sample_and_match(tree, choose, ended)
        return walk, self._commit(tree, walk, logits)

    def end(self) -> Commit:
        """The last commit of a cancelled session, without tokens."""
        self.finish_reason = FinishReason.CANCELLED
        return Commit((), (), (), FinishReason.CANCELLED)

    def fail(self) -> None:
        """Note that the session ended by an error."""
        self.finish_reason = FinishReason.FAILED

    def finish(self) -> None:
        """Tell the draft sources that the session is over."""
        self.drafter.finish()

    def _room(self) -> int:
        """The depth that drafts may have: the target always adds a token of its own after them."""
        left = min(self.request.max_new_tokens, self._context_length - len(self.request.prompt))
        return left - len(self.tokens) - 1

    def _reason(self, token: int) -> FinishReason | None:
        """Why the answer ends with ``token``, if it does; end tokens go before stop strings, these before limits."""
        stopped = self._choice.stop(token)
        if token in self.request.eos_ids:
            return FinishReason.EOS
        if stopped:
            return FinishReason.STOP
        if self._choice.written >= self.request.max_new_tokens:
            return FinishReason.LENGTH
        if self._choice.position >= self._context_length:
            return FinishReason.CONTEXT
        return None

    def _commit(self, tree: TokenTree, walk: Walk, logits: TreeLogits) -> Commit:
        self.tokens.extend(walk.tokens)
        self.stats.record(tree, walk.path, len(walk.tokens))
        own = len(walk.tokens) - len(walk.path)
        commit = Commit(
            tokens=walk.tokens,
            sources=(*(tree.sources[node] for node in walk.path), *[()] * own),
            origins=(*(tree.origins[node] for node in walk.path), *[NO_ORIGIN] * own),
            finish_reason=self.finish_reason,
            verified=logits,
            last_node=walk.last,
        )
        self.drafter.observe(commit)
        return commit


class Choice:
    """Chooses each token in turn: processors with their states, criterion, sampling noise, stop condition.

    Drafts leave no trace in its state: a token is chosen only when all tokens before it are final.
    """

    def __init__(self, request: Request) -> None:
        self._processors = request.processors
        self._states = [processor.start() for processor in request.processors]
        self._criterion = request.criterion
        self._sampling = request.sampling
        self.stop: Callable[[int], bool] = request.stop() if request.stop is not None else lambda _token: False
        self.written = 0
        self.position = len(request.prompt)

    def token(self, tree: TokenTree, node: int, logits: TreeLogits) -> int:
        """The token after ``node``, whose path is what has been chosen so far."""
        if self._criterion is None and not self._processors and not self._sampling.do_sample:
            token = logits.greedy(node)
        else:
            token = self._processed(tree, node, logits)
        self.written += 1
        self.position += 1
        return token

    def _processed(self, tree: TokenTree, node: int, logits: TreeLogits) -> int:
        logits_V = logits.row(node)
        pairs = list(zip(self._processors, self._states, strict=True))
        for processor, state in pairs:
            processor.apply(state, logits_V)
        if self._criterion is None:
            token = sampling.choose(logits_V, self._sampling, position=self.position)
        else:
            position = SamplingPosition(self._sampling, self.position)
            token = self._criterion.choose(logits_V, tree.offers(node), position)
        self._states = [processor.advance(state, token) for processor, state in pairs]
        return token
