"""Cursor: where copying goes on in a text that the output rewrites from beginning to end (grammar correction).

The main chain copies from the likeliest place, branches leave words out or resume at other places. What else a
correction may do is drafted by ``edits``, which holds all that this source does.

Edits: copying a text that the output rewrites, and its likely changes, each followed by what is copied behind it.

Which changes are likely is said by the reference (``Reference.edits``); several may follow one another along a path.
Without any this is ``cursor``. One tree for both, so that a likely edit takes from the chance of copying on.
"""

from __future__ import annotations

from decoding.interfaces import Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.sources.rewrite.belief import Rewriting
from decoding.sources.rewrite.lattice import Lattice
from decoding.tree import DraftTree


class Cursor(DraftSource):
    """Drafts the rest of the reference that has ``cursor`` set; silent without one."""

    name = "cursor"

    _edited = False

    def __init__(self) -> None:
        self._rewriting: Rewriting | None = None
        self._seen = 0

    def start(self, request: Request) -> None:
        """Find the text that the output rewrites."""
        self.finish()
        for index, reference in enumerate(request.references):
            if reference.cursor and reference.ids:
                lattice = Lattice(reference.ids, min(request.eos_ids, default=None), reference.edits)
                self._rewriting = Rewriting(lattice, index)

    def propose(self, context: DraftContext) -> DraftTree:
        """The likeliest paths, the end token behind the last source token."""
        if self._rewriting is None:
            return DraftTree()
        for token in context.output[self._seen :]:
            self._rewriting.advance(token)
        self._seen = len(context.output)
        return self._rewriting.draft(context.limit, edited=self._edited, least=context.least_chance)

    def finish(self) -> None:
        """Forget the session."""
        self._rewriting, self._seen = None, 0


class Edits(Cursor):
    """Drafts the rewriting of the reference that has ``cursor`` set; silent without one."""

    name = "edits"

    _edited = True
