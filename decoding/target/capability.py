"""How a target verifies drafts, and what every cache offers to the batch, whatever stands behind it.

Full and sliding-window attention can look at a whole tree at once. A recurrent layer reads tokens one after the other:
there a single chain is verified, if the layer's state can be put back, and otherwise nothing is drafted.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from decoding.tree import TokenTree


class Verification(enum.StrEnum):
    """What a target can verify in one forward, as its self-check found."""

    TREE = "tree"
    CHAIN = "chain"
    PLAIN = "plain"

    @property
    def about(self) -> str:
        """One line for people."""
        return {
            Verification.TREE: "drafts are verified as trees",
            Verification.CHAIN: "drafts are verified one chain at a time: its layers cannot all look at a tree",
            Verification.PLAIN: "it writes without drafts: its layers cannot all take one back",
        }[self]

    def fitting(self, tree: TokenTree) -> TokenTree:
        """The part of a tree that can be verified: all of it, its best chain, or its root."""
        if self is Verification.TREE:
            return tree
        return tree.best_chain() if self is Verification.CHAIN else tree.pruned(())


class SessionCache(Protocol):
    """What a target has read, by rows; a row holds one session. ``lengths`` counts committed tokens of each live row.

    A forward leaves no trace in it until ``append``, ``keep`` or ``keep_rows`` says what of it is committed.
    """

    lengths: list[int]

    @property
    def length(self) -> int:
        """Committed tokens of row 0."""
        ...

    @property
    def token_bytes(self) -> int:
        """Bytes that one token of one row takes; 0 before the first forward."""
        ...

    def append(self, tokens: int, *, row: int = 0) -> None:
        """Commit the ``tokens`` just read behind a row."""
        ...

    def keep(self, base: int, path: Sequence[int]) -> None:
        """After a forward over one tree behind the ``base`` tokens of row 0: commit its root and the nodes ``path``."""
        ...

    def keep_rows(self, paths: Sequence[Sequence[int] | None], *, first: int = 0) -> None:
        """The same for each row from ``first`` on; None commits nothing of that row's tree."""
        ...

    def reach(self, length: int, *, row: int = 0) -> int:
        """How many tokens, at most ``length``, a row can be taken back to; 0 if that is only the beginning."""
        ...

    def rewind(self, length: int, *, row: int = 0) -> None:
        """Forget everything after the first ``length`` tokens of a row, which must be in ``reach``."""
        ...

    def add_row(self, source: Self, *, row: int = 0) -> int:
        """Copy a row of another cache of the same target behind the live rows; its number here."""
        ...

    def drop_row(self, row: int) -> None:
        """Give a row up; the last live row takes its place."""
        ...
