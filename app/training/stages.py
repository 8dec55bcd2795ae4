"""Stages of a run: which module makes each kind's model and objective, running one, and what it leaves behind.

A module of KINDS has ``model(stage, run) -> nn.Module`` and ``objective(stage, material, run, device) -> Objective``;
and ``save(stage, model, folder, material)``, which writes its result, where that is no plain `Model`. `run` is the
folder of the run: ``places.result_of(stage.target, run)`` is the folder of the target that a drafter learns from.
Knows nothing of what the objectives are. A stage is finished when its folder has a `model`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app.training.config import Stage, result_of, stage_folder
from app.training.data.material import Material
from app.training.errors import CheckpointError, DataMissingError
from app.training.loop.process import stopping
from app.training.loop.trainer import Trainer
from app.training.model import Model, put_in_place, save_model

KINDS = {
    "copying": "app.training.objectives.tasks",
    "tasks": "app.training.objectives.tasks",
    "sequence": "app.training.objectives.distil",
    "token": "app.training.objectives.distil",
    "refresh": "app.training.objectives.on_policy",
    "heads": "app.training.objectives.medusa_heads",
    "parallel": "app.training.objectives.parallel_drafts",
}
_RECORD = "stage.json"


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
    """Train a stage from where it is; a finished one is left alone. Raises CheckpointError if it is another."""
    folder = stage_folder(stage.name, run)
    identity = stage.identity() | {"material": str(material.about["digest"])}
    identity |= {
        key: _digest(stage, where, run) for key, where in (("begin", stage.begin), ("target", stage.target)) if where
    }
    if (folder / "model").is_dir():
        _compare(folder, identity)
        say(f"{stage.name}: done before")
        return Outcome(finished=True)
    if time.monotonic() >= stop_at_s:
        return Outcome(finished=False)
    ready = _prepared(stage, material, run, device, stop_at_s)
    if not ready.finished:
        say(f"{stage.name}: stopped while its target was writing; the same command goes on")
        return ready
    made_by = importlib.import_module(KINDS[stage.kind])
    torch.manual_seed(stage.plan.seed)
    model: nn.Module = made_by.model(stage, run)
    trainer = Trainer(
        model,
        made_by.objective(stage, material, run, device),
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
    _save(made_by, stage, model, folder / "model", material)
    say(f"{stage.name}: done, {trainer.tokens:,} tokens in {trainer.seconds / 60:.1f} min")
    return Outcome(finished=True)


def _prepared(stage: Stage, material: Material, run: Path, device: torch.device, stop_at_s: float) -> Outcome:
    """Let the target write what the stage is trained on, if it learns from one."""
    if not stage.target:
        return Outcome(finished=True)
    # It brings the engine along, which stages without a target do not need.
    from app.training.outputs import write_outputs

    signalled = threading.Event()
    with stopping(signalled.set):
        done = write_outputs.prepare(
            stage, material, run, device, stopped=lambda: signalled.is_set() or time.monotonic() >= stop_at_s
        )
    interrupted = signalled.is_set()
    return Outcome(finished=done and not interrupted, interrupted=interrupted)


def _digest(stage: Stage, where: str, run: Path) -> str:
    """What a stage was begun with or learnt from, by content. Raises DataMissingError."""
    folder = result_of(where, run)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise DataMissingError(
            f"the stage {stage.name} needs {where}, and there is no model at {folder}",
            hint=f"train the stage {where} first, or name a model's folder",
        )
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return f"{where} {found.hexdigest()[:12]}"


def _save(made_by: Any, stage: Stage, model: nn.Module, folder: Path, material: Material) -> None:
    if not hasattr(made_by, "save"):
        assert isinstance(model, Model), "other models know how they are saved"
        save_model(model, folder, bpe=material.tokenizer)
        return
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    made_by.save(stage, model, part, material)
    put_in_place(part, folder)


def _record(folder: Path, identity: dict[str, str], trainer: Trainer) -> None:
    """What the model card says of the stage."""
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


def _compare(folder: Path, identity: dict[str, str]) -> None:
    path = folder / _RECORD
    stored = json.loads(path.read_text(encoding="utf-8"))["identity"] if path.is_file() else {}
    other = [
        f"{key} was {stored.get(key)} and is {value}" for key, value in identity.items() if stored.get(key) != value
    ]
    if other:
        raise CheckpointError(
            f"the finished stage {folder} is of another configuration: {'; '.join(other[:3])}",
            hint=f"name another run with --out, or remove {folder} to train it anew",
        )


def finished_model(name: str, run: Path) -> Path:
    """The result of a finished stage. Raises CheckpointError."""
    folder = result_of(name, run)
    if not folder.is_dir():
        raise CheckpointError(f"the stage {name} is not finished in {run}", hint="go on with `spandraft train all`")
    return folder
