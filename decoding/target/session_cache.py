"""The protocol of caches: what a scheduler may do with the cache of any target.

``TreeCache`` implements it for targets that verify trees, ``StateCache`` for those with recurrent layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self


class SessionCache(Protocol):
    """What a target has read, by rows; a row holds one session.

    A forward leaves no trace in it until ``append``, ``keep`` or ``keep_rows`` says what of it is committed.
    """

    @property
    def lengths(self) -> tuple[int, ...]:
        """Committed tokens of each live row."""
        ...

    @property
    def length(self) -> int:
        """Committed tokens of row 0."""
        ...

    @property
    def token_bytes(self) -> int:
        """Bytes that one token of one row takes; 0 before the first forward."""
        ...

    def append(self, tokens: int, *, row: int = 0) -> None:
        """Commit the ``tokens`` just read after a row."""
        ...

    def keep(self, base: int, path: Sequence[int]) -> None:
        """After a forward over one tree after the ``base`` tokens of row 0: commit its root and the nodes ``path``."""
        ...

    def keep_rows(self, paths: Sequence[Sequence[int] | None], *, first: int = 0) -> None:
        """The same for each row from ``first`` on; None commits nothing of that row's tree."""
        ...

    def reach(self, length: int, *, row: int = 0) -> int:
        """How many tokens, at most ``length``, a row can be cut back to; 0 if it can only start over."""
        ...

    def rewind(self, length: int, *, row: int = 0) -> None:
        """Forget everything after the first ``length`` tokens of a row, which must be in ``reach``."""
        ...

    def add_row(self, source: Self, *, row: int = 0) -> int:
        """Copy a row of another cache of the same target after the live rows; its number here."""
        ...

    def drop_row(self, row: int) -> None:
        """Remove a row; the last live row takes its number."""
        ...
