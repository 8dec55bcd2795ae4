"""The first chain of another source and nothing beside it: what methods draft that verify one chain a step.

Leviathan et al. 2023 and Chen et al. 2023 ask their draft model at every step, and so is this one asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import Commit, Draft, DraftSource, Request


class FirstChain:
    """Wraps a source whose likeliest chain comes first."""

    def __init__(self, source: DraftSource) -> None:
        self._source = source

    @property
    def name(self) -> str:
        """That of the source."""
        return self._source.name

    def start(self, request: Request) -> None:
        """Passed on."""
        self._source.start(request)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The first chain of the source."""
        return self._source.propose(tokens, limit)[:1]

    def observe(self, commit: Commit) -> None:
        """Passed on."""
        self._source.observe(commit)

    def finish(self) -> None:
        """Passed on."""
        self._source.finish()
