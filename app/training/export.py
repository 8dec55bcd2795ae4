"""A run's results -> the folders that are bundled: bfloat16, in shards, with checksums.

Knows which stage becomes which folder, and what may be bundled. Must not know how models are trained.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from app.generation.logit_biases import LogitBiases
from app.loading.bundled import DRAFT_MODEL, HEADS, PARALLEL, SUMS, TARGET
from app.model_store.checksum import sha256
from app.training.config import result_of
from app.training.errors import ExportError
from app.training.model import SHARD_BYTES, save_weights

LARGEST_BYTES = 40 * 2**20

RESULT_STAGES = {
    TARGET: ("tasks",),
    DRAFT_MODEL: ("refresh", "token", "sequence", "draft"),
    HEADS: ("heads",),
    PARALLEL: ("parallel",),
}
"""For each part the stages whose result it may be; the first finished one is taken."""

_WRITTEN = ("README.md", SUMS)
_SETTINGS = "spandraft.json"


def export(run: Path, models: Path, *, tuning: LogitBiases | None, say: Callable[[str], None]) -> list[str]:
    """Write every part that the run has made, and return their names. Model cards stay.

    `tuning` None leaves a target's biases as they are. Raises ExportError if no stage is finished or the folders are
    too large.
    """
    results = {part: _result(stages, run) for part, stages in RESULT_STAGES.items()}
    made = {part: folder for part, folder in results.items() if folder is not None}
    if not made:
        raise ExportError(f"no stage of {run} is finished", hint="train it first: `spandraft train all --out RUN`")
    for part, folder in made.items():
        export_part(folder, models / part)
        if part == TARGET and (tuning is not None or not (models / part / _SETTINGS).is_file()):
            settings = json.dumps((tuning or LogitBiases()).stored(), indent=2)
            (models / part / _SETTINGS).write_text(settings + "\n", encoding="utf-8")
        say(f"{part}: from {folder.parent.name}, {_bytes_of(models / part) / 2**20:.1f} MiB")
    check_size(models)
    return list(made)


def export_part(source: Path, to: Path) -> None:
    """Write one folder in bfloat16. An old folder is replaced, except for its model card and settings."""
    part = to.with_name(to.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    weights: dict[str, Tensor] = {}
    for file in sorted(source.iterdir()):
        if file.name.startswith("model") and file.suffix == ".safetensors":
            weights |= _halved(load_file(file))
        elif file.suffix == ".safetensors":
            save_file(_halved(load_file(file)), part / file.name, metadata={"format": "pt"})
        elif file.is_file() and not file.name.endswith(".index.json"):
            shutil.copyfile(file, part / file.name)
    if weights:
        save_weights(weights, part)
        _set_dtype(part / "config.json")
    for name in ("README.md", _SETTINGS):
        if (to / name).is_file():
            shutil.copyfile(to / name, part / name)
    _write_sums(part)
    if to.exists():
        shutil.rmtree(to)
    part.replace(to)


def check_size(models: Path) -> None:
    """Raise ExportError if a file or the whole folder is larger than what may be bundled."""
    for file in models.rglob("*"):
        if file.is_file() and file.stat().st_size > SHARD_BYTES:
            raise ExportError(f"{file} has more than {SHARD_BYTES // 2**20} MiB", hint="make the model smaller")
    total = _bytes_of(models)
    if total > LARGEST_BYTES:
        raise ExportError(
            f"{models} has {total / 2**20:.1f} MiB, and {LARGEST_BYTES // 2**20} MiB are bundled at most",
            hint="make the models smaller",
        )


def _result(stages: tuple[str, ...], run: Path) -> Path | None:
    folders = (result_of(stage, run) for stage in stages)
    return next((folder for folder in folders if folder.is_dir() and folder.is_relative_to(run)), None)


def _halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: w.to(torch.bfloat16) if w.is_floating_point() else w for name, w in weights.items()}


def _set_dtype(path: Path) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    config["dtype"] = "bfloat16"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_sums(folder: Path) -> None:
    """Write checksums as `sha256sum` does; `spandraft doctor` compares them."""
    lines = [
        f"{sha256(file)}  {file.name}\n"
        for file in sorted(folder.iterdir()) if file.name not in (*_WRITTEN, _SETTINGS)
    ]  # fmt: skip
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
