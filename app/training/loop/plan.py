"""How long a stage trains, how fast it learns, and the two optimizers that follow the plan.

Length is counted in steps, never by the clock, so that a run can be repeated. The schedule is warm-up, stable, linear
decay to zero (Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations").
Matrices learn by Muon (Jordan et al. 2024; torch.optim.Muon), which makes each update orthogonal, so that its size does
not depend on the gradient's; embeddings and vectors have no such structure and go to AdamW (Loshchilov & Hutter 2019).
Knows parameters by their shape. Must not know data, tasks or architectures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Precision = Literal["float32", "bfloat16"]

_FREE = ("checkpoint_every", "log_every", "compile", "workers")
"""Fields that may change between a checkpoint and the run that resumes it: none of them decides what is learned."""


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
        """The factor of the rates in this step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1, self.warmup))
        falling = max(1.0, self.steps * self.decay)
        return min(warm, (self.steps - step) / falling, 1.0)

    def identity(self) -> dict[str, float | int | str]:
        """The fields that a checkpoint must agree with to be resumed."""
        return {key: value for key, value in asdict(self).items() if key not in _FREE}


class Optimizers:
    """The two optimizers of one model; parameters that are frozen are left alone."""

    def __init__(self, model: nn.Module, plan: Plan) -> None:
        self._plan = plan
        tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
        self.named: dict[str, nn.Parameter] = {n: p for n, p in model.named_parameters() if p.requires_grad}
        matrices = [p for p in self.named.values() if p.ndim == 2 and id(p) not in tables]
        self._others = [p for p in self.named.values() if p.ndim != 2 or id(p) in tables]
        self._rates: list[tuple[str, Optimizer, float]] = []
        if matrices:
            muon = torch.optim.Muon(matrices, lr=plan.muon_lr, weight_decay=0.02, momentum=0.95)
            self._rates.append(("muon", muon, plan.muon_lr))
        if self._others:
            adam = torch.optim.AdamW(
                self._others, lr=plan.adam_lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True
            )  # fmt: skip
            self._rates.append(("adam", adam, plan.adam_lr))

    def step(self, gradients: list[Tensor], factor: float) -> None:
        """Update the parameters from gradients in the order of `named`, at the plan's rates times `factor`."""
        for parameter, gradient in zip(self.named.values(), gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(self._others, self._plan.clip)
        for _, optimizer, rate in self._rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """The state that `restore` needs to continue without a difference."""
        return {name: optimizer.state_dict() for name, optimizer, _ in self._rates}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        for name, optimizer, _ in self._rates:
            optimizer.load_state_dict(state[name])
