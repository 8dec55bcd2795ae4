"""Runs the stages of a training run: makes a stage's model and objective, trains, and keeps the result.

Knows which module makes each kind of stage, and how a stage is resumed, refused or recorded. Must not know what the
objectives compute. A stage is finished when its folder has a `model`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import nn

from app.training.config import Stage, result_of, stage_folder
from app.training.data.material import Material
from app.training.errors import CheckpointError, DataMissingError
from app.training.loop.process import stop_on_signals
from app.training.loop.trainer import Objective, Trainer
from app.training.model import put_in_place
from app.training.objectives import distil, medusa_heads, on_policy, parallel_drafts, tasks
from app.training.outputs.write_outputs import prepare

_RECORD = "stage.json"


class StageKind(Protocol):
    """What a module of `app.training.objectives` offers; `run` is the folder of the run."""

    def model(self, stage: Stage, run: Path) -> nn.Module:
        """Return the model that the stage begins with."""
        ...

    def objective(self, stage: Stage, material: Material, run: Path, device: torch.device) -> Objective:
        """Return what the model is trained for."""
        ...

    def save(self, stage: Stage, model: Any, folder: Path, material: Material) -> None:
        """Write the trained model into `folder`, which exists only if this makes it."""
        ...


KINDS: Mapping[str, StageKind] = MappingProxyType(
    {
        "copying": tasks,
        "tasks": tasks,
        "sequence": distil,
        "token": distil,
        "refresh": on_policy,
        "heads": medusa_heads,
        "parallel": parallel_drafts,
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended: `finished`, or before the end because it was `interrupted` or its time was up."""

    finished: bool
    interrupted: bool = False


def run_stage(
    stage: Stage,
    material: Material,
    run: Path,
    *,
    device: torch.device,
    stop_at_s: float = float("inf"),
    say: Callable[[str], None],
) -> Outcome:
    """Train a stage from where it is; a finished one is left alone.

    `stop_at_s` is a time of `time.monotonic()`. Raises CheckpointError if what lies in the run is of another
    configuration, DataMissingError if what the stage begins with or learns from is missing.
    """
    folder = stage_folder(stage.name, run)
    identity = stage.identity() | {"material": str(material.about["digest"])}
    identity |= {
        key: _digest(stage, where, run) for key, where in (("begin", stage.begin), ("target", stage.target)) if where
    }
    if (folder / "model").is_dir():
        _require_same(folder, identity)
        say(f"{stage.name}: done before")
        return Outcome(finished=True)
    if time.monotonic() >= stop_at_s:
        return Outcome(finished=False)
    prepared = _outputs_made(stage, material, run, device, stop_at_s)
    if not prepared.finished:
        say(f"{stage.name}: stopped while its target was writing; the same command goes on")
        return prepared
    kind = KINDS[stage.kind]
    torch.manual_seed(stage.plan.seed)
    model = kind.model(stage, run)
    trainer = Trainer(
        model,
        kind.objective(stage, material, run, device),
        stage.plan,
        folder=folder,
        device=device,
        stop_at_s=stop_at_s,
        say=say,
        identity=identity,
    )
    if not trainer.run():
        say(f"{stage.name}: stopped at step {trainer.step:,} of {stage.plan.steps:,}; the same command goes on")
        return Outcome(finished=False, interrupted=trainer.interrupted)
    _record(folder, identity, trainer)
    part = folder / "model.part"
    shutil.rmtree(part, ignore_errors=True)
    kind.save(stage, model, part, material)
    put_in_place(part, folder / "model")
    say(f"{stage.name}: done, {trainer.tokens:,} tokens in {trainer.seconds / 60:.1f} min")
    return Outcome(finished=True)


def _outputs_made(stage: Stage, material: Material, run: Path, device: torch.device, stop_at_s: float) -> Outcome:
    """Let the target write what the stage is trained on, if it learns from one."""
    if not stage.target:
        return Outcome(finished=True)
    signalled = threading.Event()
    with stop_on_signals(signalled.set):
        done = prepare(
            stage, material, run, device, stopped=lambda: signalled.is_set() or time.monotonic() >= stop_at_s
        )
    interrupted = signalled.is_set()
    return Outcome(finished=done and not interrupted, interrupted=interrupted)


def _digest(stage: Stage, where: str, run: Path) -> str:
    """What a stage begins with or learns from, by content. Raises DataMissingError."""
    folder = result_of(where, run)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise DataMissingError(
            f"the stage {stage.name} needs {where}, and there is no model at {folder}",
            hint=f"train the stage {where} first, or name a model's folder",
        )
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return f"{where} {digest.hexdigest()[:12]}"


def _record(folder: Path, identity: dict[str, str], trainer: Trainer) -> None:
    """Write what the model card says of the stage."""
    trained = sum(p.numel() for p in trainer.optimizers.named.values())
    record = {
        "identity": identity,
        "parameters_trained": trained,
        "steps": trainer.step,
        "tokens": trainer.tokens,
        "seconds": round(trainer.seconds, 1),
        "device": torch.cuda.get_device_name(trainer.device) if trainer.device.type == "cuda" else "cpu",
    }
    (folder / _RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _require_same(folder: Path, identity: dict[str, str]) -> None:
    """Raise CheckpointError if a finished stage was trained with another configuration."""
    path = folder / _RECORD
    stored = json.loads(path.read_text(encoding="utf-8"))["identity"] if path.is_file() else {}
    differences = [
        f"{key} was {stored.get(key)} and is {value}" for key, value in identity.items() if stored.get(key) != value
    ]
    if differences:
        raise CheckpointError(
            f"the finished stage {folder} is of another configuration: {'; '.join(differences[:3])}",
            hint=f"name another run with --out, or remove {folder} to train it anew",
        )
