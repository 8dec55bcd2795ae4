"""How long a stage trains and how fast it learns: counted in steps, never by the clock, so that a run can be repeated.

Knows numbers only. Must not know models, data or tasks.
The schedule is warm-up, stable, linear decay to zero (Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training
Beyond Fixed Training Durations").
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Precision = Literal["float32", "bfloat16"]

_FREE = ("checkpoint_every", "log_every", "compile", "workers")
"""What may change between a checkpoint and the run that goes on from it: none of it decides what is learnt."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, rates and sizes of one stage.

    Matrices learn by Muon at `muon_lr`, everything else by AdamW at `adam_lr`. A step adds up the gradients of
    `batches` batches of about `tokens` tokens each.
    """

    steps: int
    muon_lr: float = 0.02
    adam_lr: float = 2e-3
    warmup: int = 60
    decay: float = 0.3
    """The share of the steps in which the rates fall to zero."""
    clip: float = 1.0
    """The largest norm of the gradients that AdamW gets; Muon's updates have one size whatever the gradients'."""
    tokens: int = 4096
    batches: int = 2
    checkpoint_every: int = 100
    log_every: int = 10
    seed: int = 0
    dtype: Precision = "bfloat16"
    compile: bool = False
    workers: int = 0
    """Processes that make batches ahead, on CUDA; none: batches are made between steps."""

    def factor(self, step: int) -> float:
        """What the rates are multiplied with in this step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        falling = max(1.0, self.steps * self.decay)
        return min(warm, (self.steps - step) / falling, 1.0)

    def identity(self) -> dict[str, float | int | str]:
        """What a checkpoint has to agree with to be gone on from."""
        return {key: value for key, value in asdict(self).items() if key not in _FREE}
