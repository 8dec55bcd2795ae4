"""The training loop over batches that are a pure function of their number, resumable at any step.

Knows models, objectives and plans as interfaces. Must not know tasks or where data comes from.

On the CPU the batches of a step run on a thread each, over single-threaded operations, and their gradients are added
in a fixed order: a run that was killed and resumed ends with the same bits as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from app.training.loop.batches import batches_ahead, to_device
from app.training.loop.checkpoint import Checkpoint
from app.training.loop.plan import Optimizers, Plan
from app.training.loop.process import stop_on_signals
from app.training.loop.progress import Progress


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss that is minimized, its parts as they are logged, and the tokens of the batch."""

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    tokens: int = 0


class Objective(Protocol):
    """What a model is trained for: batches by number, and the loss of one."""

    name: str

    def batch(self, number: int) -> Any:
        """The batch of this number, on the CPU: the same whenever it is asked for. All randomness is here."""
        ...

    def loss(self, model: Any, batch: Any) -> Loss:
        """The loss of one batch, which lies on the model's device; no randomness, no state: threads call it."""
        ...


class Trainer:
    """A model in training. `run` resumes from the checkpoint in `folder`, if there is one."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        plan: Plan,
        *,
        folder: Path,
        device: torch.device | str = "cpu",
        stop_at_s: float = float("inf"),
        say: Callable[[str], None] | None = None,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        """`stop_at_s` is a time of `time.monotonic()` after which no step begins; `say` gets the lines of progress.

        `identity` is what a checkpoint must agree with beyond the plan and the objective's name.
        """
        self.model, self.objective, self.plan, self.folder = model, objective, plan, folder
        self.device = torch.device(device)
        model.to(self.device)
        self.optimizers = Optimizers(model, plan)
        self._checkpoint = Checkpoint(folder, {"objective": objective.name, **plan.identity(), **(identity or {})})
        self._stop_at_s, self._say = stop_at_s, say
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self.interrupted = False

    def run(self) -> bool:
        """Train to the end of the plan; False if it stopped before, with a checkpoint written.

        Raises CheckpointError if the folder's checkpoint cannot be resumed.
        """
        resumed = self._checkpoint.load(self.optimizers)
        self.step, self.tokens, self.seconds = resumed or (0, 0, 0.0)
        if self.step >= self.plan.steps:
            return True
        if self.plan.compile:
            self.model.compile(dynamic=True)
        self.model.train()
        with stop_on_signals(self.stop), self._batches() as batches, ThreadPoolExecutor(self._threads()) as threads:
            progress = Progress(self.folder, self.plan, self.objective.name, self._say, step=self.step)
            self._steps(batches, threads, progress)
        return self.step >= self.plan.steps

    def stop(self) -> None:
        """Let `run` return after the step it is in."""
        self.interrupted = True

    def _steps(self, batches: Iterator[Any], threads: ThreadPoolExecutor, progress: Progress) -> None:
        saved = self.step if self.step else -1
        began_s, before_s = time.monotonic(), self.seconds
        while self.step < self.plan.steps and not self.interrupted and time.monotonic() < self._stop_at_s:
            drawn = [next(batches) for _ in range(self.plan.batches)]
            factor = self.plan.factor(self.step)
            self.optimizers.step(self._gradients(drawn, threads, progress), factor)
            self.step += 1
            self.tokens += progress.tokens_of_step()
            self.seconds = before_s + time.monotonic() - began_s
            progress.step_done(self.step, self.tokens, factor)
            if self.step % self.plan.checkpoint_every == 0:
                self._save()
                saved = self.step
        if saved != self.step:
            self._save()

    def _save(self) -> None:
        self._checkpoint.save(self.optimizers, step=self.step, tokens=self.tokens, seconds=self.seconds)

    def _gradients(self, drawn: list[Any], threads: ThreadPoolExecutor, progress: Progress) -> list[Tensor]:
        """The mean of the batches' gradients, added in their order."""
        total: list[Tensor] = []
        run_all: Callable[..., Iterable[tuple[Loss, list[Tensor]]]] = threads.map if self.device.type == "cpu" else map
        for loss, gradients in run_all(self._gradients_of_batch, drawn):
            progress.add(loss.parts, loss.tokens)
            if total:
                torch._foreach_add_(total, gradients)
            else:
                total = gradients
        return total

    def _gradients_of_batch(self, batch: Any) -> tuple[Loss, list[Tensor]]:
        """The gradients of one batch.

        Threads over single-threaded operations need no barrier inside each operation, and so lose far less than
        threads inside operations where a core is taken away.
        """
        parameters = list(self.optimizers.named.values())
        is_low_precision = self.plan.dtype == "bfloat16"
        # No cache: threads would share it, and each weight is used once.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=is_low_precision, cache_enabled=False):
            loss = self.objective.loss(self.model, to_device(batch, self.device))
        derived = torch.autograd.grad(loss.total / self.plan.batches, parameters, allow_unused=True)
        gradients = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, derived, strict=True)]
        return Loss(loss.total.detach(), {k: v.detach() for k, v in loss.parts.items()}, loss.tokens), gradients

    def _threads(self) -> int:
        return self.plan.batches if self.device.type == "cpu" else 1

    def _batches(self) -> Any:
        workers = self.plan.workers if self.device.type == "cuda" else 0
        first, last = self.step * self.plan.batches, self.plan.steps * self.plan.batches
        return batches_ahead(self.objective, first, last, workers=workers)
