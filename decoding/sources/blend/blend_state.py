"""What the blends of all sessions share: facts about the vocabulary, earlier outputs and learned weights.

Earlier outputs are kept apart by the scope of their requests (``Request.scope``), so that one user's answers are never
drafted for another. F features, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.ngram_index import BORDER, Text
from decoding.sources.blend.phrases import Phrases, no_phrases
from decoding.sources.blend.weights import FEATURES, Weights, first_weights

# The scopes that were used last; the outputs of others are dropped.
_MOST_SCOPES: Final = 256


@dataclass(slots=True)
class _Scope:
    text: Text
    outputs: deque[tuple[int, ...]] = field(default_factory=deque)


@dataclass(slots=True)
class History:
    """Outputs of earlier requests by scope, first in first out: at most ``most_tokens`` tokens a scope, and the latest
    256 scopes. ``canonical_V``: see ``Text``.
    """

    most_tokens: int = 65_536
    canonical_V: NDArray[np.int32] | None = None
    _scopes: dict[str, _Scope] = field(default_factory=dict)

    def text(self, scope: str | None) -> Text:
        """The earlier outputs of ``scope``, a border before each; empty for None."""
        known = self._scopes.get(scope) if scope is not None else None
        return known.text if known is not None else Text(self.canonical_V, room=1)

    def add(self, scope: str | None, output: Sequence[int]) -> None:
        """Remember an output; nothing for None."""
        if scope is None or not output:
            return
        earlier = self._scopes.pop(scope, None) or _Scope(Text(self.canonical_V))
        self._scopes[scope] = earlier
        earlier.outputs.append((BORDER, *output[: self.most_tokens - 1]))
        earlier.text.extend(earlier.outputs[-1])
        if earlier.text.size > self.most_tokens:
            self._drop_oldest(earlier)
        while len(self._scopes) > _MOST_SCOPES:
            del self._scopes[next(iter(self._scopes))]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that have outputs."""
        return tuple(self._scopes)

    def forget(self, scope: str) -> None:
        """Draft nothing of ``scope`` any more. Requests under way go on with what they began with."""
        self._scopes.pop(scope, None)

    def _drop_oldest(self, earlier: _Scope) -> None:
        """Down to three quarters of the limit, so that this is seldom; the text is made anew."""
        while len(earlier.outputs) > 1 and sum(map(len, earlier.outputs)) > 0.75 * self.most_tokens:
            earlier.outputs.popleft()
        earlier.text = Text(self.canonical_V)
        for output in earlier.outputs:
            earlier.text.extend(output)


@dataclass(slots=True)
class BlendState:
    """What all sessions of an engine share. ``canonical_V``: see ``Text``. ``learned`` holds the weights by task, which
    sessions go on learning.
    """

    canonical_V: NDArray[np.int32] | None = None
    phrases: Phrases = field(default_factory=no_phrases)
    history: History = field(default_factory=History)
    learned: dict[str, Weights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.history.canonical_V = self.canonical_V

    def fresh(self) -> BlendState:
        """The same vocabulary, with nothing learned and no earlier outputs."""
        return BlendState(self.canonical_V, self.phrases, History(self.history.most_tokens))

    def weights(self, task: str) -> Weights:
        """The weights of a kind of request (Request.task)."""
        if task not in self.learned:
            self.learned[task] = first_weights()
        return self.learned[task]

    def state(self) -> dict[str, list[list[float]]]:
        """What was learned, as JSON can hold it: by task the weights and the sums of their squared gradients."""
        return {
            task: [weights.weights_F.round(4).tolist(), weights.squares_F.round(4).tolist()]
            for task, weights in sorted(self.learned.items())
        }

    def restore(self, state: dict[str, list[list[float]]]) -> None:
        """Go on from what ``state`` gave. Raises ValueError or TypeError for anything else."""
        restored = {task: Weights(*(np.array(row, dtype=np.float64) for row in rows)) for task, rows in state.items()}
        for weights_F, squares_F in restored.values():
            if weights_F.shape != (FEATURES,) or squares_F.shape != (FEATURES,) or not squares_F.min() > 0:
                raise ValueError("these are no weights of a blend")
        self.learned.update(restored)
