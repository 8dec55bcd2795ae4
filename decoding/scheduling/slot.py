"""A seat: what the batch keeps of one session. Written in the batch's turns; its reader may look at any time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from decoding.interfaces import Commit
from decoding.scheduling.session import Session
from decoding.target.capability import SessionCache

_AHEAD: Final = 8


@dataclass(slots=True, eq=False)
class Slot:
    """A session in the batch. ``cache`` is its own while it stands in no row; ``over``: there is no more to come.

    ``unread`` is the end of its prompt, which the forward over its first tree reads.
    """

    session: Session
    cache: SessionCache | None = None
    unread: Sequence[int] = ()
    commits: deque[Commit] = field(default_factory=deque)
    error: BaseException | None = None
    over: bool = False
    left: bool = False

    @property
    def own(self) -> SessionCache:
        """Its own cache."""
        assert self.cache is not None
        return self.cache

    @property
    def behind(self) -> bool:
        """Whether its reader leaves too many commits unread."""
        return len(self.commits) >= _AHEAD
