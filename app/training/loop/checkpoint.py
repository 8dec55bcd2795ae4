"""The state of a stage on disk, written atomically: trained weights, optimizers, and the steps done.

Knows files and what a checkpoint must agree with. Must not know tasks or architectures.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from app.training.errors import CheckpointError
from app.training.loop.plan import Optimizers
from corpora.store.atomic_write import remove_unfinished, replace_file

NAME = "checkpoint.pt"
_VERSION = "spandraft-checkpoint-1"


class Checkpoint:
    """The checkpoint of one stage; `identity` names the stage and plan that it belongs to."""

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
        remove_unfinished(self.path)
        replace_file(self.path, lambda part: torch.save(state, part))

    def load(self, optimizers: Optimizers) -> tuple[int, int, float] | None:
        """Restore weights and optimizers; return (step, tokens, seconds), or None if there is no checkpoint.

        Raises CheckpointError if the checkpoint is damaged or of another plan or shape.
        """
        if not self.path.is_file():
            return None
        state = self._read()
        self._require_same(state["identity"])
        stored, named = state["model"], optimizers.named
        if {n: t.shape for n, t in stored.items()} != {n: p.shape for n, p in named.items()}:
            raise CheckpointError(f"the checkpoint {self.path} is of a model of another shape", hint=_hint(self.path))
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
                f"the checkpoint {self.path} cannot be read: {type(error).__name__}", hint=_hint(self.path)
            ) from error
        if not isinstance(state, dict) or state.get("format") != _VERSION:
            raise CheckpointError(f"{self.path} is no checkpoint of this version", hint=_hint(self.path))
        return state

    def _require_same(self, stored: Mapping[str, str]) -> None:
        keys = dict.fromkeys((*stored, *self._identity))
        differences = [
            f"{key} was {stored.get(key)} and is {self._identity.get(key)}"
            for key in keys if stored.get(key) != self._identity.get(key)
        ]  # fmt: skip
        if differences:
            raise CheckpointError(
                f"the checkpoint {self.path} belongs to another plan: {'; '.join(differences)}", hint=_hint(self.path)
            )


def _hint(path: Path) -> str:
    return f"continue with the configuration that it was made with, or name another run with --out, or remove {path}"
