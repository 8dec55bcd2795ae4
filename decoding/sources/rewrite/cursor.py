"""The sources ``cursor`` and ``edits``: copying on in a text that the output rewrites (grammar correction).

``cursor`` copies from the likeliest position of the text; branches leave words out or resume at other positions.
``edits`` drafts the likely changes of the text, too, each followed by what is copied after it: one tree for both, so
that a likely edit takes from the probability of copying on. Which changes are likely is said by ``Reference.edits``;
without any both sources draft the same.
"""

from __future__ import annotations

from decoding.interfaces import Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.rewrite.rewriting import Lattice, Rewriting
from decoding.tree import DraftTree


class Cursor(DraftSource):
    """Drafts the rest of the reference that has ``cursor`` set; silent without one."""

    name = "cursor"

    _drafts_edits = False

    def __init__(self) -> None:
        self._rewriting: Rewriting | None = None
        self._observed = 0  # Tokens of the output that moved the belief.

    def start(self, request: Request) -> None:
        """Find the text that the output rewrites."""
        self.finish()
        for index, reference in enumerate(request.references):
            if reference.cursor and reference.ids:
                lattice = Lattice(reference.ids, min(request.eos_ids, default=None), reference.edits)
                self._rewriting = Rewriting(lattice, index)

    def propose(self, context: DraftContext) -> DraftTree:
        """The likeliest paths, the end token after the last source token."""
        if self._rewriting is None:
            return DraftTree()
        for token in context.output[self._observed :]:
            self._rewriting.advance(token)
        self._observed = len(context.output)
        return self._rewriting.draft(context.limit, edited=self._drafts_edits, least_chance=context.least_chance)

    def finish(self) -> None:
        """Forget the session."""
        self._rewriting, self._observed = None, 0


class Edits(Cursor):
    """Drafts the rest of that reference with its likely changes."""

    name = "edits"

    _drafts_edits = True
