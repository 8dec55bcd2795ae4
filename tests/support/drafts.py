"""Asking a draft source in a test, and reading what it drafts path by path."""

from __future__ import annotations

from collections.abc import Sequence

from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import DraftTree, TokenTree


def proposed(
    source: DraftSource,
    output: Sequence[int],
    limit: int,
    *,
    drafted: TokenTree | None = None,
    least_chance: float = 0.0,
) -> list[DraftTree]:
    """What ``source`` drafts after ``output``, a chain a leaf. ``drafted`` is what others did: nothing by default."""
    return chains(source.propose(context_of(output, limit, drafted=drafted, least_chance=least_chance)))


def context_of(
    output: Sequence[int], limit: int = 99, *, drafted: TokenTree | None = None, least_chance: float = 0.0
) -> DraftContext:
    """What a source is asked with."""
    return DraftContext(output, drafted if drafted is not None else TokenTree.of(0), limit, least_chance)


def chains(draft: DraftTree) -> list[DraftTree]:
    """Each path from the root to a leaf, alone."""
    inner = {*draft.parents}
    return [draft.subtree(draft.path(leaf)) for leaf in range(len(draft)) if leaf not in inner]
