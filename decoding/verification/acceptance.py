"""The walk down a verified tree: choose a token after each node, and follow it while the tree holds it.

With exact-match the chosen token is the target's own draw: nothing about drafts enters it, so the committed tokens are
those of plain decoding whatever was drafted. ``criteria`` has other rules. Logits processors see the hypothetical
history of each node, because their states advance along the walk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from decoding.tree import ROOT, TokenTree


@dataclass(frozen=True, slots=True)
class Walk:
    """Accepted nodes in order, and the committed tokens: those of the nodes, then mostly one bonus token."""

    path: tuple[int, ...]
    tokens: tuple[int, ...]

    @property
    def last(self) -> int:
        """The node after which the last token was chosen."""
        return (ROOT, *self.path)[len(self.tokens) - 1]


def sample_and_match(tree: TokenTree, draw: Callable[[int], int], ended: Callable[[int], bool]) -> Walk:
    """Walk down the tree. ``draw(node)`` is the target's token after ``node``; ``ended(token)`` stops the walk.

    ``draw`` is called for the root and for each accepted node in order, never for others. A token for which
    ``ended`` is true is committed and nothing after it; if it was drafted its node counts as accepted.
    """
    path: list[int] = []
    tokens: list[int] = []
    node: int | None = ROOT
    while node is not None:
        token = draw(node)
        tokens.append(token)
        node = tree.child(node, token)
        if node is not None:
            path.append(node)
        if ended(token):
            break
    return Walk(tuple(path), tuple(tokens))
