"""A drafted tree as root-to-leaf chains, which is what a source hands over. N nodes, the root not among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from decoding.interfaces import NO_ORIGIN, Draft, Origin


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A drafted token: ``chance`` is its acceptance given the ones before it; ``parent`` None hangs on the root."""

    parent: Branch | None
    token: int
    chance: float
    origin: Origin = NO_ORIGIN


def drafts_of(branches: Sequence[Branch], *, bucket: int = 0) -> list[Draft]:
    """One chain a leaf; every parent must be among ``branches``."""
    inner = {id(branch.parent) for branch in branches}
    return [_draft(branch, bucket) for branch in branches if id(branch) not in inner]


def _draft(leaf: Branch, bucket: int) -> Draft:
    path: list[Branch] = []
    branch: Branch | None = leaf
    while branch is not None:
        path.append(branch)
        branch = branch.parent
    path.reverse()
    return Draft(
        tokens=tuple(one.token for one in path),
        probabilities=tuple(one.chance for one in path),
        origins=tuple(one.origin for one in path),
        bucket=bucket,
    )
