"""Muon for matrices and AdamW for the rest, stepped together.

Knows parameters by their shape. Must not know schedules, tasks or architectures.
Muon (Jordan et al. 2024; torch.optim.Muon) makes each matrix's update orthogonal, so its size does not depend on the
gradient's; embeddings and vectors have no such structure and go to AdamW (Loshchilov & Hutter 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from app.training.loop.plan import Plan


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
        """Learn from gradients in the order of `named`, at the plan's rates times `factor`."""
        for parameter, gradient in zip(self.named.values(), gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(self._others, self._plan.clip)
        for _, optimizer, rate in self._rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to go on as if nothing had happened."""
        return {name: optimizer.state_dict() for name, optimizer, _ in self._rates}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        for name, optimizer, _ in self._rates:
            optimizer.load_state_dict(state[name])
