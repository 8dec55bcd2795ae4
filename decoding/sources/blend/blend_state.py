"""What the blends of all sessions share: kinships and phrases of the vocabulary, earlier outputs, learned weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding.sources.blend.history import History
from decoding.sources.blend.phrases import Phrases, no_phrases
from decoding.sources.blend.weights import FEATURES, Weights, first_weights


@dataclass(slots=True)
class BlendState:
    """What all sessions of an engine share. ``kin_V``: see Text. ``learned``: weights by task, carried on."""

    kin_V: NDArray[np.int32] | None = None
    phrases: Phrases = field(default_factory=no_phrases)
    history: History = field(default_factory=History)
    learned: dict[str, Weights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.history.kin_V = self.kin_V

    def fresh(self) -> BlendState:
        """The same vocabulary, with nothing learned or kept."""
        return BlendState(self.kin_V, self.phrases, History(self.history.most_tokens))

    def weights(self, task: str) -> Weights:
        """The weights of a kind of request (Request.task)."""
        if task not in self.learned:
            self.learned[task] = first_weights()
        return self.learned[task]

    def state(self) -> dict[str, list[list[float]]]:
        """What was learned, as JSON can hold it: by task the weights and the sums of their squared gradients."""
        return {
            task: [one.weights_F.round(4).tolist(), one.squares_F.round(4).tolist()]
            for task, one in sorted(self.learned.items())
        }

    def restore(self, state: dict[str, list[list[float]]]) -> None:
        """Go on from what ``state`` gave. Raises ValueError or TypeError for anything else."""
        fresh = {task: Weights(*(np.array(one, dtype=np.float64) for one in rows)) for task, rows in state.items()}
        for one in fresh.values():
            if one.weights_F.shape != (FEATURES,) or one.squares_F.shape != (FEATURES,) or not one.squares_F.min() > 0:
                raise ValueError("these are no weights of a blend")
        self.learned.update(fresh)
