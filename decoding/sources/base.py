"""What a draft source is: it is shown a request, proposes what the target may write next, and is told what it wrote.

To write one, subclass ``DraftSource`` with a ``name`` and ``propose``; everything else has a default. Wrong drafts cost
time, never output: the target verifies every token. ``decoding.sources.table`` lists the sources of this package.

``FirstChain`` wraps a source for methods that verify one chain a step: it proposes the first chain of the source alone.
It costs nothing by its own account, so that the source is asked at every step, as Leviathan et al. 2023 and Chen et al.
2023 ask their draft model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from decoding.interfaces import Commit, Request
from decoding.tree import ROOT, DraftTree, TokenTree

UNTRIED_S: Final = 1e-9
"""Seconds that a costly source says it takes before it was tried: so few that it is tried; 0 would say it is free."""


@dataclass(frozen=True, slots=True)
class DraftContext:
    """What a source is asked with, anew at every step.

    ``output`` are the tokens written so far, after the request's prompt. ``limit`` is how many nodes are wanted at
    most. A path with a lower probability than ``least_chance`` is not worth a node; 0 where nodes are free. ``drafted``
    is what other sources proposed so far, merged: for a costly source that is what all free ones did. Its root is the
    last committed token.
    """

    output: Sequence[int]
    drafted: TokenTree
    limit: int
    least_chance: float = 0.0


class DraftSource(ABC):
    """Proposes what the target may write next. One object serves one session, from ``start`` to ``finish``.

    Deterministic given its state. ``name`` is what stats, presets and options call it. A source that raises is
    switched off for the request.
    """

    name: str

    def start(self, request: Request) -> None:  # noqa: B027  # A source may have nothing to prepare.
        """A session begins: prompt, references and whatever else may be copied are known."""

    @abstractmethod
    def propose(self, context: DraftContext) -> DraftTree:
        """What may follow ``context.output``: a tree below the last committed token. ``DraftTree()`` for nothing."""

    def cost_s(self, context: DraftContext) -> float:
        """Seconds that ``propose`` would take, as measured so far: 0 for a free source, which is asked at every step.

        A costly one, such as a draft model, is asked after the free ones, and only if it is likely to pay for its time.
        Before it was tried it says ``UNTRIED_S``.
        """
        return 0.0

    def observe(self, commit: Commit) -> None:  # noqa: B027  # A source may have nothing to learn.
        """A step has been committed, or several in which nobody was asked to draft."""

    def finish(self) -> None:  # noqa: B027  # A source may keep nothing.
        """The session is over: drop what belongs to it."""


class FirstChain(DraftSource):
    """Wraps a source whose likeliest chain comes first. It counts as free, and knows nothing of what others draft."""

    def __init__(self, source: DraftSource) -> None:
        self._source = source
        self.name = source.name

    def start(self, request: Request) -> None:
        """Passed on."""
        self._source.start(request)

    def propose(self, context: DraftContext) -> DraftTree:
        """The first chain of the source."""
        alone = TokenTree.of(context.drafted.tokens[ROOT])
        return self._source.propose(replace(context, drafted=alone)).first_chain()

    def observe(self, commit: Commit) -> None:
        """Passed on."""
        self._source.observe(commit)

    def finish(self) -> None:
        """Passed on."""
        self._source.finish()
