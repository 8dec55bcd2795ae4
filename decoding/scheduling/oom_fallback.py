"""One forward over all rows of a batch, and what is done instead where memory is short.

Smaller trees, plain decoding, then a row at a time: short memory costs speed, and an answer only where a single row
without drafts does not fit. Exactness does not depend on which of them it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from decoding.errors import OutOfMemory
from decoding.scheduling.session import Session
from decoding.target import oom
from decoding.target.capability import SessionCache
from decoding.target.target import Target
from decoding.tree import TokenTree
from decoding.verification.logits import TreeLogits


def verify(
    target: Target,
    cache: SessionCache,
    trees: Sequence[TokenTree],
    unread: Sequence[Sequence[int]],
    *,
    let_go: Callable[[], None],
) -> tuple[list[TokenTree], list[TreeLogits | None]]:
    """The trees that were verified, a row each, with their logits; None for a row that does not fit at all.

    ``let_go`` frees what can be spared. ``unread`` is that of ``Target.verify_rows``.
    """
    for smaller in (_whole, _half, _root):
        fitting = [smaller(tree) for tree in trees]
        found = oom.within(lambda: target.verify_rows(fitting, cache, unread=unread))  # noqa: B023
        if found is not None:
            return fitting, [*found]
        let_go()
    alone = [
        _verify_alone(target, cache, row, ids, root)
        for row, (ids, root) in enumerate(zip(unread, fitting, strict=True))
    ]
    return fitting, alone


def _verify_alone(
    target: Target, cache: SessionCache, row: int, unread: Sequence[int], root: TokenTree
) -> TreeLogits | None:
    """One row without drafts, its prompt read before; None if even that does not fit."""
    if not oom.enough(lambda: target.prefill(unread, cache, row=row)):
        return None
    found = oom.within(lambda: target.verify_rows([root], cache, first=row))
    return None if found is None else found[0]


def _whole(tree: TokenTree) -> TokenTree:
    return tree


def _half(tree: TokenTree) -> TokenTree:
    return tree.pruned(tree.ranked()[: tree.drafted // 2])


def _root(tree: TokenTree) -> TokenTree:
    return tree.pruned(())


def too_large(session: Session) -> OutOfMemory:
    """What a request is told that does not fit at all."""
    tokens = len(session.request.prompt) + len(session.tokens)
    return OutOfMemory(
        f"The memory does not suffice for a request of {tokens} tokens.",
        hint="Shorten the prompt, run fewer requests at once, or choose a smaller target or dtype.",
    )
