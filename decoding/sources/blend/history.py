"""History: outputs of earlier requests, kept by scope, so that one user's answers are never drafted for another.

Bounded in tokens, first in first out. Sources read it as a text; the texts are made anew when the oldest go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.ngram_index import BORDER, Text

_SCOPES = 256


@dataclass(slots=True)
class _Scope:
    text: Text
    outputs: deque[tuple[int, ...]] = field(default_factory=deque)


@dataclass(slots=True)
class History:
    """At most ``most_tokens`` tokens a scope, and the latest 256 scopes. ``kin_V``: see Text."""

    most_tokens: int = 65_536
    kin_V: NDArray[np.int32] | None = None
    _scopes: dict[str, _Scope] = field(default_factory=dict)

    def text(self, scope: str | None) -> Text:
        """The earlier outputs of ``scope``, a border before each; empty for None."""
        known = self._scopes.get(scope) if scope is not None else None
        return known.text if known is not None else Text(self.kin_V, room=1)

    def add(self, scope: str | None, output: Sequence[int]) -> None:
        """Keep an output; nothing for None."""
        if scope is None or not output:
            return
        kept = self._scopes.pop(scope, None) or _Scope(Text(self.kin_V))
        self._scopes[scope] = kept
        kept.outputs.append((BORDER, *output[: self.most_tokens - 1]))
        kept.text.extend(kept.outputs[-1])
        if kept.text.size > self.most_tokens:
            self._drop_oldest(kept)
        while len(self._scopes) > _SCOPES:
            del self._scopes[next(iter(self._scopes))]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Those of which something is kept."""
        return tuple(self._scopes)

    def forget(self, scope: str) -> None:
        """Nothing of ``scope`` is drafted any more. Requests under way keep what they began with."""
        self._scopes.pop(scope, None)

    def _drop_oldest(self, kept: _Scope) -> None:
        """Down to three quarters, so that this is seldom."""
        while len(kept.outputs) > 1 and sum(map(len, kept.outputs)) > 0.75 * self.most_tokens:
            kept.outputs.popleft()
        kept.text = Text(self.kin_V)
        for output in kept.outputs:
            kept.text.extend(output)
