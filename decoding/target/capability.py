"""What a target can verify in one forward: token trees, single chains, or nothing drafted at all.

Full and sliding-window attention can verify a whole tree. A recurrent layer reads tokens one after the other: with it
a single chain is verified if the layer's state can be put back, and otherwise nothing is drafted.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decoding.tree import TokenTree


class Capability(enum.StrEnum):
    """What a target can verify in one forward, as its self-check proved."""

    TREE = "tree"
    CHAIN = "chain"
    PLAIN = "plain"

    @property
    def description(self) -> str:
        """One line for people."""
        return {
            Capability.TREE: "drafts are verified as trees",
            Capability.CHAIN: "drafts are verified one chain at a time, not as trees",
            Capability.PLAIN: "it writes without drafts, so no faster than by itself",
        }[self]

    def verifiable(self, tree: TokenTree) -> TokenTree:
        """The part of a tree that can be verified: all of it, its best chain, or its root."""
        if self is Capability.TREE:
            return tree
        return tree.best_chain() if self is Capability.CHAIN else tree.pruned(())
