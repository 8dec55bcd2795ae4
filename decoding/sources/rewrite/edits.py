"""Edits: copying a text that the output rewrites, and its likely changes, each followed by what is copied behind it.

Which changes are likely is said by the reference (``Reference.edits``); several may follow one another along a path.
Without any this is ``cursor``. One tree for both, so that a likely edit takes from the chance of copying on.
"""

from __future__ import annotations

from decoding.sources.rewrite.cursor import Cursor


class Edits(Cursor):
    """Drafts the rewriting of the reference that has ``cursor`` set; silent without one."""

    name = "edits"

    _edited = True
