"""The first chain of another source and nothing beside it: what methods draft that verify one chain a step.

Leviathan et al. 2023 and Chen et al. 2023 ask their draft model at every step, and so is this one asked.
"""

from __future__ import annotations

from dataclasses import replace

from decoding.interfaces import Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import ROOT, DraftTree, TokenTree


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
