"""A tiny random target that writes what its last tokens tell it to, and what it has written: drafters can learn it."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import Any

import torch

from app.training.loop.plan import Plan
from app.training.loop.trainer import Objective, Trainer
from app.training.model import Shape
from app.training.objectives.distil import Teacher
from app.training.outputs.prompts import GivenPrompts
from app.training.outputs.target_outputs import RowBatches, TargetOutputs
from app.training.outputs.write_outputs import written_rows
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.fakes import tiny_model

VOCABULARY = 48
SHAPE = Shape(vocabulary=VOCABULARY, hidden=32, layers=2, heads=2, intermediate=48, max_positions=128)


def target() -> Target:
    """Made anew, so that what one test asks of it does not show in another."""
    return target_of(_model(), name="tiny")


def teacher() -> Teacher:
    """The same model as drafters see it, in float32."""
    return Teacher(_model())


def _model() -> Any:
    """A random model whose layers say little: most of what it writes follows from its last token."""
    model = tiny_model("llama", seed=3, vocab_size=VOCABULARY, context=128)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.mul_(0.01)
            layer.mlp.down_proj.weight.mul_(0.01)
    return model


@functools.cache
def prompts() -> GivenPrompts:
    """160 random prompts of different lengths."""
    rng = random.Random(1)
    made = tuple(tuple(rng.randrange(VOCABULARY) for _ in range(rng.randint(4, 9))) for _ in range(160))
    return GivenPrompts(made, eos_ids=frozenset(), max_new_tokens=14)


@functools.cache
def outputs() -> TargetOutputs:
    """What the target writes behind the first 128 of them."""
    engine = Engine(target(), sources=(), budget=Budget(limit=0))
    return TargetOutputs.of(written_rows(engine, prompts(), range(128)))


def unseen() -> list[Request]:
    """The others."""
    return [prompts().request(number) for number in range(128, 144)]


def rows(*, tokens: int = 400, seed: int = 5) -> RowBatches:
    """Batches of the outputs."""
    return RowBatches(outputs(), seed=seed, tokens=tokens)


def train(
    model: torch.nn.Module, objective: Objective, folder: Path, *, steps: int, stop_at: int | None = None
) -> Trainer:
    """Train for `steps`, two batches each; `stop_at` ends the run there, as SIGTERM would."""
    plan = Plan(
        steps=steps, adam_lr=0.02, warmup=4, tokens=400, batches=2, checkpoint_every=1000, log_every=1, dtype="float32"
    )
    trainer = Trainer(model, objective, plan, folder=folder)
    make = objective.batch

    def stopping(number: int) -> object:
        if stop_at is not None and number == 2 * stop_at - 1:
            trainer.stop()
        return make(number)

    trainer.objective.batch = stopping
    trainer.run()
    del trainer.objective.batch
    return trainer


def losses(folder: Path, name: str) -> list[float]:
    """What the log says of one part of the loss."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"][name] for line in lines]
