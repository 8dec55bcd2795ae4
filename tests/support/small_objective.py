"""A tiny language model that learns to copy random tokens: run by the tests, also as a process of its own."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from app.training.loop.plan import Plan
from app.training.loop.trainer import Loss, Trainer
from app.training.model import Model, Shape

SHAPE = Shape(vocabulary=64, hidden=32, layers=2, heads=2, intermediate=48, max_positions=32)
PLAN = Plan(steps=20, warmup=3, tokens=128, batches=2, checkpoint_every=4, log_every=2, seed=5)


class Copying:
    """Rows `x x` of random tokens."""

    name = "copying-test"

    def batch(self, number: int) -> Tensor:
        """Eight rows of sixteen tokens."""
        rng = random.Random(f"{PLAN.seed}:{number}")
        half_BN = torch.tensor([[rng.randrange(2, 64) for _ in range(8)] for _ in range(8)])
        return torch.cat((half_BN, half_BN), dim=1)

    def loss(self, model: Model, batch: Tensor) -> Loss:
        """Cross-entropy of the second half."""
        logits = model.logits(model(batch[:, :-1])[:, 7:].flatten(0, 1))
        nats = F.cross_entropy(logits.float(), batch[:, 8:].flatten())
        return Loss(nats, {"copy": nats}, batch.numel())


def trainer(folder: Path, plan: Plan = PLAN, *, seed: int = 1) -> Trainer:
    """A trainer over `folder`; weights begin by `seed`."""
    torch.manual_seed(seed)
    return Trainer(Model(SHAPE), Copying(), plan, folder=folder, say=print)


if __name__ == "__main__":
    torch.set_num_threads(1)
    trainer(Path(sys.argv[1])).run()
