"""Edits: the likely changes of a text that the output rewrites, each followed by what is copied behind it.

Which changes are likely is said by the reference (``Reference.edits``). Several may follow one another along a path.
"""

from __future__ import annotations

from decoding.sources.cursor import Cursor


class Edits(Cursor):
    """Drafts the chains that go through a likely edit; silent without any."""

    edited = True

    @property
    def name(self) -> str:
        """``edits``."""
        return "edits"
