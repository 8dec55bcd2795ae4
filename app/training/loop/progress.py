"""Progress of a stage: a line for people, and the same as JSON in `log.jsonl`, from which curves are drawn.

Knows numbers and one file. Must not know models or tasks.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.training.loop.plan import Plan

NAME = "log.jsonl"


class Progress:
    """Means over the steps since the last line. Losses stay on their device until a line is due."""

    def __init__(self, folder: Path, plan: Plan, name: str, say: Callable[[str], None] | None, *, step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._plan, self._name, self._say = folder / NAME, plan, name, say
        self._since_s, self._since_step, self._since_tokens = time.monotonic(), step, 0
        self._sums: dict[str, list[Tensor]] = defaultdict(list)
        self._of_step = 0
        _drop_lines_after(self._path, step)

    def add(self, parts: Mapping[str, Tensor], tokens: int) -> None:
        """Count one batch of the current step."""
        for name, value in parts.items():
            self._sums[name].append(value)
        self._of_step += tokens
        self._since_tokens += tokens

    def tokens_of_step(self) -> int:
        """Tokens of the batches since this was last asked."""
        tokens, self._of_step = self._of_step, 0
        return tokens

    def step_done(self, step: int, tokens: int, factor: float) -> None:
        """Write a line if one is due."""
        if step % self._plan.log_every and step != self._plan.steps:
            return
        passed_s = max(1e-9, time.monotonic() - self._since_s)
        left_s = (self._plan.steps - step) * passed_s / max(1, step - self._since_step)
        loss = {name: round(float(torch.stack(v).float().mean()), 4) for name, v in sorted(self._sums.items())}
        line = {
            "step": step,
            "tokens": tokens,
            "tokens_per_s": round(self._since_tokens / passed_s),
            "lr_factor": round(factor, 4),
            "left_s": round(left_s),
            "loss": loss,
        }
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        if self._say is not None:
            losses = ", ".join(f"{name} {value:.3f}" for name, value in loss.items())
            self._say(
                f"{self._name}: step {step:,} of {self._plan.steps:,}, loss {losses}, "
                f"{line['tokens_per_s']:,} tokens/s, {_duration(left_s)} left"
            )
        self._since_s, self._since_step, self._since_tokens = time.monotonic(), step, 0
        self._sums.clear()


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines that a stage has logged; empty if there is no log."""
    path = folder / NAME
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


def _drop_lines_after(path: Path, step: int) -> None:
    """Drop the steps that a killed run has logged after its checkpoint: they are logged again."""
    logged = [line for line in lines(path.parent) if line["step"] <= step]
    if path.is_file():
        path.write_text("".join(json.dumps(line) + "\n" for line in logged), encoding="utf-8")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
