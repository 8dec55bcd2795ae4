"""The training loop: wall-clock schedule, Muon and AdamW, checkpoints, a log line a minute.

Knows the model and batches. Must not know tasks or where data comes from.
The schedule is warm-up, stable, linear decay to zero; the decay is bound to the clock (UTC) and not to a step count:
on a machine that is shared and paused, only the clock says when the weights are due. A run can be killed at any time
and resumed from its last checkpoint, with another mixture or another end.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from app.training.errors import CheckpointError
from app.training.mixture import Batch
from app.training.model import Model


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rates and the clock. Times are seconds since the epoch, UTC."""

    decay_start_s: float
    end_s: float
    muon_lr: float = 0.02
    adam_lr: float = 2e-3
    warmup_steps: int = 60
    context_weight: float = 0.3
    batches_a_step: int = 2
    """Batches whose gradients are added up before a step: each of one length, each on a thread of its own."""
    checkpoint_every_s: float = 300.0
    log_every_s: float = 20.0

    def factor(self, step: int, now_s: float) -> float:
        """What the learning rates are multiplied with at this step and time."""
        warm = min(1.0, (step + 1) / self.warmup_steps)
        left = (self.end_s - now_s) / max(1.0, self.end_s - self.decay_start_s)
        return max(0.0, min(warm, left, 1.0))


class Trainer:
    """A model in training. `run` returns at the schedule's end, or soon after SIGTERM, with a checkpoint written."""

    def __init__(self, model: Model, schedule: Schedule, *, folder: Path) -> None:
        self.model, self.schedule, self.folder = model, schedule, folder
        folder.mkdir(parents=True, exist_ok=True)
        matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n != "embed.weight"]
        others = [p for n, p in model.named_parameters() if p.ndim != 2 or n == "embed.weight"]
        self.muon: Optimizer = torch.optim.Muon(matrices, lr=schedule.muon_lr, weight_decay=0.02, momentum=0.95)
        self.adam: Optimizer = torch.optim.AdamW(
            others, lr=schedule.adam_lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )
        self.embeddings = model.embed.weight
        self.parameters = list(model.parameters())
        self.step, self.tokens, self._stopped = 0, 0, False

    def run(self, stream: Iterator[Batch]) -> None:
        """Train on `stream` until the end of the schedule."""
        (self.folder / "pid").write_text(str(os.getpid()))
        signal.signal(signal.SIGTERM, self._on_term)
        log = _Log(self.folder / "log.jsonl", self.schedule)
        saved_s = time.time()
        threads = ThreadPoolExecutor(self.schedule.batches_a_step)
        while not self._stopped and time.time() < self.schedule.end_s:
            factor = self.schedule.factor(self.step, time.time())
            drawn = [next(stream) for _ in range(self.schedule.batches_a_step)]
            for batch, result in zip(drawn, threads.map(self._gradients, drawn), strict=True):
                self._add(result.gradients)
                log.add(batch, result.output, result.context)
                self.tokens += batch.tokens_BN.numel()
            self._update(factor)
            log.write_if_due(self.step, self.tokens, factor)
            if time.time() - saved_s > self.schedule.checkpoint_every_s:
                self.save()
                saved_s = time.time()
        self.save()

    def stop(self) -> None:
        """Let `run` return after the step it is in."""
        self._stopped = True

    def save(self) -> None:
        """Write `checkpoint.pt`, whole or not at all."""
        state = {
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "step": self.step,
            "tokens": self.tokens,
        }
        torch.save(state, self.folder / "checkpoint.tmp")
        (self.folder / "checkpoint.tmp").replace(self.folder / "checkpoint.pt")

    def resume(self) -> None:
        """Go on from `checkpoint.pt`. Raises CheckpointError if it is missing or of another shape."""
        path = self.folder / "checkpoint.pt"
        try:
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
        except (FileNotFoundError, RuntimeError) as error:
            raise CheckpointError(
                f"cannot resume from {path}: {error}",
                hint="There is no checkpoint of this shape.\nLeave out --resume, or name its folder with --out.",
            ) from error
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.step, self.tokens = state["step"], state["tokens"]

    def _gradients(self, batch: Batch) -> _Result:
        """One batch's share of the step. Runs beside others on single-threaded torch: that needs no barrier inside
        each operation, and so loses far less than threads inside operations where a core is taken away."""
        output, context = losses(self.model, batch)
        total = (output + self.schedule.context_weight * context) / self.schedule.batches_a_step
        return _Result(torch.autograd.grad(total, self.parameters), output.item(), context.item())

    def _add(self, gradients: tuple[Tensor, ...]) -> None:
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)

    def _update(self, factor: float) -> None:
        for optimizer, lr in ((self.muon, self.schedule.muon_lr), (self.adam, self.schedule.adam_lr)):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor
        torch.nn.utils.clip_grad_norm_([self.embeddings], 1.0)
        self.muon.step()
        self.adam.step()
        self.muon.zero_grad()
        self.adam.zero_grad()
        self.step += 1

    def _on_term(self, signum: int, frame: FrameType | None) -> None:
        self.stop()


def losses(model: Model, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weighted mean cross-entropy of output tokens, and mean of the chosen context tokens; computed in bfloat16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden_BND = model(batch.tokens_BN)
        logits_PV = model.logits(hidden_BND.flatten(0, 1)[batch.position_P])
    nats_P = F.cross_entropy(logits_PV.float(), batch.next_P, reduction="none")
    out_P = batch.weight_P * ~batch.is_context_P
    context_P = batch.is_context_P.float()
    output = (nats_P * out_P).sum() / out_P.sum().clamp_min(1e-6)
    return output, (nats_P * context_P).sum() / context_P.sum().clamp_min(1.0)


@dataclass(frozen=True, slots=True)
class _Result:
    gradients: tuple[Tensor, ...]
    output: float
    context: float


class _Log:
    """Means since the last line, by the task of most rows, appended as JSON."""

    def __init__(self, path: Path, schedule: Schedule) -> None:
        self._path, self._schedule = path, schedule
        self._since_s, self._tokens = time.time(), 0
        self._sums: dict[str, list[float]] = defaultdict(list)

    def add(self, batch: Batch, output: float, context: float) -> None:
        task = max(set(batch.tasks), key=batch.tasks.count)
        self._sums[task].append(output)
        self._sums["context"].append(context)
        self._tokens += batch.tokens_BN.numel()

    def write_if_due(self, step: int, tokens: int, factor: float) -> None:
        now_s = time.time()
        if now_s - self._since_s < self._schedule.log_every_s:
            return
        line = {
            "step": step,
            "tokens": tokens,
            "tokens_per_s": round(self._tokens / (now_s - self._since_s)),
            "lr_factor": round(factor, 3),
            "left_s": round(self._schedule.end_s - now_s),
            "loss": {task: round(sum(v) / len(v), 4) for task, v in sorted(self._sums.items())},
        }
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        self._since_s, self._tokens = now_s, 0
        self._sums.clear()
