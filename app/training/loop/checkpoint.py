"""A run's state on disk, whole or not at all: weights that learn, optimizers, and how far it has come.

Knows files and what a checkpoint has to agree with. Must not know tasks or architectures.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from app.training.errors import CheckpointError
from app.training.loop.plan import Optimizers
from corpora.store.atomic_write import replace_file

NAME = "checkpoint.pt"
_VERSION = "spandraft-checkpoint-1"


class Checkpoint:
    """The checkpoint of one stage; `identity` says which stage and plan it is of."""

    def __init__(self, folder: Path, identity: Mapping[str, object]) -> None:
        self.path = folder / NAME
        self._identity = {key: str(value) for key, value in identity.items()}

    def save(self, optimizers: Optimizers, *, step: int, tokens: int, seconds: float) -> None:
        """Write it; a crash at any moment leaves the old one or the new one."""
        state = {
            "format": _VERSION,
            "identity": self._identity,
            "model": {name: parameter.detach() for name, parameter in optimizers.named.items()},
            "optimizers": optimizers.state(),
            "step": step,
            "tokens": tokens,
            "seconds": seconds,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, lambda part: torch.save(state, part))

    def load(self, optimizers: Optimizers) -> tuple[int, int, float] | None:
        """Take over weights and optimizers; (step, tokens, seconds), or None if there is no checkpoint."""
        if not self.path.is_file():
            return None
        state = self._read()
        self._compare(state["identity"])
        stored, named = state["model"], optimizers.named
        if {n: t.shape for n, t in stored.items()} != {n: p.shape for n, p in named.items()}:
            raise CheckpointError(
                f"the checkpoint {self.path} is of a model of another shape", hint=_another(self.path)
            )
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(stored[name])
        optimizers.restore(state["optimizers"])
        return int(state["step"]), int(state["tokens"]), float(state["seconds"])

    def _read(self) -> dict[str, Any]:
        try:
            state = torch.load(self.path, weights_only=True, map_location="cpu")
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"the checkpoint {self.path} cannot be read: {type(error).__name__}", hint=_another(self.path)
            ) from error
        if not isinstance(state, dict) or state.get("format") != _VERSION:
            raise CheckpointError(f"{self.path} is no checkpoint of this version", hint=_another(self.path))
        return state

    def _compare(self, stored: Mapping[str, str]) -> None:
        keys = dict.fromkeys((*stored, *self._identity))
        other = [
            f"{key} was {stored.get(key)} and is {self._identity.get(key)}"
            for key in keys if stored.get(key) != self._identity.get(key)
        ]  # fmt: skip
        if other:
            raise CheckpointError(
                f"the checkpoint {self.path} belongs to another plan: {'; '.join(other)}", hint=_another(self.path)
            )


def model_of(folder: Path, model: nn.Module) -> None:
    """Load a checkpoint's weights into a model, whatever its plan: to look at a run that is not finished."""
    checkpoint = Checkpoint(folder, {})
    if not checkpoint.path.is_file():
        raise CheckpointError(f"there is no checkpoint at {checkpoint.path}", hint="train the stage first")
    stored = checkpoint._read()["model"]
    named = dict(model.named_parameters())
    if not set(stored) <= set(named) or any(named[name].shape != tensor.shape for name, tensor in stored.items()):
        raise CheckpointError(f"the checkpoint {checkpoint.path} is of another model", hint=_another(checkpoint.path))
    with torch.no_grad():
        for name, tensor in stored.items():
            named[name].copy_(tensor)


def _another(path: Path) -> str:
    return f"go on with the configuration it was made with, or name another run with --out, or remove {path}"
