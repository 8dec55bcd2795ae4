"""Cursor: where copying goes on in a text that the output rewrites from beginning to end (grammar correction).

The main chain copies from the likeliest place, branches leave words out or resume at other places. What else a
correction may do is drafted by ``edits``, which holds all that this source does.
"""

from __future__ import annotations

from collections.abc import Sequence

from decoding.interfaces import Commit, Draft, Request
from decoding.sources.rewrite.belief import Rewriting
from decoding.sources.rewrite.lattice import Lattice


class Cursor:
    """Drafts the rest of the reference that has ``cursor`` set; silent without one."""

    _edited = False

    def __init__(self) -> None:
        self._rewriting: Rewriting | None = None
        self._seen = 0
        self.least_chance = 0.0

    @property
    def name(self) -> str:
        """``cursor``."""
        return "cursor"

    def start(self, request: Request) -> None:
        """Find the text that the output rewrites."""
        self.finish()
        for index, reference in enumerate(request.references):
            if reference.cursor and reference.ids:
                lattice = Lattice(reference.ids, min(request.eos_ids, default=None), reference.edits)
                self._rewriting = Rewriting(lattice, index)

    def propose(self, tokens: Sequence[int], limit: int) -> list[Draft]:
        """The likeliest chains, the end token behind the last source token."""
        if self._rewriting is None:
            return []
        for token in tokens[self._seen :]:
            self._rewriting.advance(token)
        self._seen = len(tokens)
        return self._rewriting.drafts(limit, edited=self._edited, least=self.least_chance)

    def observe(self, commit: Commit) -> None:
        """The output is taken up by the next ``propose``."""

    def finish(self) -> None:
        """Forget the session."""
        self._rewriting, self._seen = None, 0
