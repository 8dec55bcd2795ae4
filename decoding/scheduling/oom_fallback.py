"""One forward over all rows of a step, and the smaller forwards that replace it where memory runs out.

In order: the trees as they are, half of each tree, no drafts, then one row at a time without drafts. Short memory
costs speed; it costs an answer only where a single row without drafts does not fit. The output is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from decoding.errors import OutOfMemory
from decoding.scheduling.session import Session
from decoding.target import oom
from decoding.target.session_cache import SessionCache
from decoding.target.target import Target
from decoding.tree import TokenTree
from decoding.verification.logits import TreeLogits


def verify(
    target: Target,
    cache: SessionCache,
    trees: Sequence[TokenTree],
    unread: Sequence[Sequence[int]],
    *,
    free_memory: Callable[[], None],
) -> tuple[list[TokenTree], list[TreeLogits | None]]:
    """The trees that were verified, a row each, with their logits; None for a row that does not fit at all.

    ``free_memory`` is called after each failure. ``unread`` is that of ``Target.verify_rows``.
    """
    for smaller in (_whole, _half, _root):
        cut = [smaller(tree) for tree in trees]
        logits = oom.within(lambda: target.verify_rows(cut, cache, unread=unread))  # noqa: B023
        if logits is not None:
            return cut, [*logits]
        free_memory()
    one_by_one = [
        _verify_alone(target, cache, row, ids, root) for row, (ids, root) in enumerate(zip(unread, cut, strict=True))
    ]
    return cut, one_by_one


def prefill(target: Target, tokens: Sequence[int], cache: SessionCache, *, free_memory: Callable[[], None]) -> bool:
    """Read ``tokens`` into a cache, once more after ``free_memory`` if need be; False if they do not fit."""
    if oom.enough(lambda: target.prefill(tokens, cache)):
        return True
    free_memory()
    return oom.enough(lambda: target.prefill(tokens, cache))


def too_large(session: Session) -> OutOfMemory:
    """The error of a request that does not fit at all."""
    tokens = len(session.request.prompt) + len(session.tokens)
    return OutOfMemory(
        f"the memory does not suffice for a request of {tokens} token{'' if tokens == 1 else 's'}",
        hint="shorten the prompt, run fewer requests at once, or choose a smaller target or dtype",
    )


def _verify_alone(
    target: Target, cache: SessionCache, row: int, unread: Sequence[int], root: TokenTree
) -> TreeLogits | None:
    """One row without drafts, the end of its prompt read before; None if even that does not fit."""
    if not oom.enough(lambda: target.prefill(unread, cache, row=row)):
        return None
    logits = oom.within(lambda: target.verify_rows([root], cache, first=row))
    return None if logits is None else logits[0]


def _whole(tree: TokenTree) -> TokenTree:
    return tree


def _half(tree: TokenTree) -> TokenTree:
    return tree.pruned(tree.ranked()[: tree.drafted // 2])


def _root(tree: TokenTree) -> TokenTree:
    return tree.pruned(())
