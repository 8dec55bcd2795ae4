"""The drafter asks every source and merges their drafts into one token tree.

A source is a guest here: what it drafts is checked, and one that raises is switched off for the request. It may
cost speed, never an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from decoding.budget import Budget
from decoding.interfaces import Commit, DraftSource, Request
from decoding.tree import TokenTree

log = logging.getLogger(__name__)


class Drafter:
    """The sources of one session. ``failed`` names those that were switched off, with what they raised."""

    def __init__(self, sources: Iterable[DraftSource], *, budget: Budget, vocab_size: int) -> None:
        self._sources = list(sources)
        self._vocab_size = vocab_size
        self.budget = budget
        self.failed: dict[str, str] = {}

    def start(self, request: Request) -> None:
        """Show the request to every source."""
        self._ask(lambda source: source.start(request))

    def draft(self, tokens: Sequence[int], *, root: int, max_depth: int) -> TokenTree:
        """All drafts after the output ``tokens`` as one tree, not cut yet; ``root`` is the last committed token.

        Drafts with an id outside the vocabulary are dropped whole.
        """
        tree = TokenTree.of(root)
        if max_depth < 1:
            return tree
        self._ask(lambda source: self._merge(tree, source, tokens, max_depth))
        return tree

    def _merge(self, tree: TokenTree, source: DraftSource, tokens: Sequence[int], max_depth: int) -> None:
        for draft in source.propose(tokens, self.budget.limit):
            if all(0 <= token < self._vocab_size for token in draft.tokens):
                tree.add(source.name, draft, max_depth=max_depth)

    def observe(self, commit: Commit) -> None:
        """Tell every source what was committed."""
        self._ask(lambda source: source.observe(commit))

    def finish(self) -> None:
        """The session is over."""
        self._ask(lambda source: source.finish())

    def _ask(self, question: Callable[[DraftSource], None]) -> None:
        for source in tuple(self._sources):
            try:
                question(source)
            except Exception as error:  # noqa: BLE001  # whatever a plugged-in source raises
                log.warning("draft source %s is switched off for this request: %r", source.name, error)
                self.failed[source.name] = repr(error)
                self._sources.remove(source)
