"""On-policy refresh: the draft model writes, and learns what the target would have said there.

Generalised and on-policy distillation (Agarwal et al. 2024, "GKD"; Zhou et al. 2024, "DistillSpec"): text that the
draft model writes behind the target's prompts and behind beginnings of its outputs, and at each of its positions the
target's distribution. After every `renew_every` steps the current model writes a new set of texts, which is kept in
the stage's folder: a run that resumes from a checkpoint reads the same set. Must not know prompts.

Shapes: B rows, N tokens a row, P supervised positions, V vocabulary.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from app.training.config import Stage, result_of, stage_folder
from app.training.data.material import Material
from app.training.loop.batches import to_device
from app.training.loop.checkpoint import NAME as CHECKPOINT
from app.training.loop.trainer import Loss
from app.training.model import Model, to_llama
from app.training.objectives.distil import DistilOptions, Teacher, divergence, mean, mixed
from app.training.objectives.distil import model as model
from app.training.objectives.distil import save as save
from app.training.outputs.target_outputs import Row, RowBatch, RowBatches, TargetOutputs, collate
from app.training.outputs.write_outputs import row_batches
from decoding.target.cache_argument import cache_argument

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class RefreshOptions(DistilOptions):
    """Options of the kind "refresh".

    Every `renew_every` steps a set of `texts` is written, each at most `written` tokens long, at the temperature
    `sampling` (0: greedily, which is how it drafts). `own` is the share of the loss over these texts, the rest is over
    the target's.
    """

    renew_every: int = 50
    texts: int = 256
    written: int = 12
    sampling: float = 0.0
    own: float = 0.5


@dataclass(frozen=True, slots=True)
class RefreshBatch:
    """The target's rows, and the texts of a written set that go with them."""

    rows: RowBatch
    set_number: int
    chosen_B: tuple[int, ...]


def objective(stage: Stage, material: Material, run: Path, device: torch.device) -> Refresh:
    """The stage's objective; its written sets lie in the stage's folder."""
    options = stage.read_options(RefreshOptions)
    rows = row_batches(stage, material, run, device, options)
    teacher = Teacher.load(result_of(stage.target, run), device=device)
    folder = stage_folder(stage.name, run) / "written"
    if not (folder.parent / CHECKPOINT).is_file():
        shutil.rmtree(folder, ignore_errors=True)  # It belongs to a run that began with other weights.
    return Refresh(rows, teacher, options, folder=folder, seed=stage.plan.seed, batches=stage.plan.batches)


class Refresh:
    """Distillation over the target's outputs and over what the draft model wrote."""

    name = "refresh"

    def __init__(
        self,
        rows: RowBatches,
        teacher: Teacher,
        options: RefreshOptions,
        *,
        folder: Path,
        seed: int,
        batches: int = 1,
    ) -> None:
        """`batches` are those of a step: the set is renewed between steps only."""
        self._rows, self._teacher, self._options, self._mix = rows, teacher, options, options.mix()
        self._folder, self._seed, self._batches_a_set = folder, seed, options.renew_every * batches
        self._writing = threading.Lock()
        self._known: dict[int, TargetOutputs] = {}

    def batch(self, number: int) -> RefreshBatch:
        """Rows of what the target wrote, and numbers of texts that the draft model has then written."""
        rng = np.random.default_rng([self._seed, number, 3])
        rows = self._rows.batch(number)
        chosen = rng.choice(self._options.texts, size=min(len(rows.length_B), self._options.texts), replace=False)
        return RefreshBatch(rows, number // self._batches_a_set, tuple(sorted(chosen.tolist())))

    def loss(self, model: Any, batch: RefreshBatch) -> Loss:
        """Distillation on both halves; the first batch of a set waits until the model has written it."""
        rows = batch.rows
        logits_PV = model.logits(model(rows.tokens_BN).flatten(0, 1)[rows.position_P]).float()
        given = mixed(logits_PV, self._teacher.logits_at(rows.tokens_BN, rows.position_P), rows, self._mix)
        own = self._own_loss(model, self._texts(model, batch, rows.tokens_BN.device))
        total = (1 - self._options.own) * given.total + self._options.own * own.total
        return Loss(total, {**given.parts, **own.parts}, tokens=given.tokens + own.tokens)

    def _own_loss(self, model: Any, rows: RowBatch) -> Loss:
        """Distillation at each position where the draft model wrote."""
        position_P = rows.position_P[rows.is_output_P]
        logits_PV = model.logits(model(rows.tokens_BN).flatten(0, 1)[position_P]).float()
        teacher_PV = self._teacher.logits_at(rows.tokens_BN, position_P)
        nats_P = divergence(logits_PV, teacher_PV, self._mix.divergence, temperature=self._mix.temperature)
        total = mean(nats_P, torch.ones_like(position_P, dtype=torch.bool))
        agreement = (teacher_PV.argmax(-1) == rows.tokens_BN.flatten()[position_P + 1]).float().mean()
        return Loss(total, {"own": total, "own_kept": agreement}, tokens=rows.tokens_BN.numel())

    def _texts(self, model: Any, batch: RefreshBatch, device: torch.device) -> RowBatch:
        """The chosen texts of the batch's set. Batches of a step run side by side: one writes, the others wait."""
        with self._writing:
            if batch.set_number not in self._known:
                self._known = {batch.set_number: self._set(model, batch.set_number, device)}
            written = self._known[batch.set_number]
        rows = collate([written[at] for at in batch.chosen_B], np.random.default_rng(0))
        on_device: RowBatch = to_device(rows, device)
        return on_device

    def _set(self, model: Model, number: int, device: torch.device) -> TargetOutputs:
        path = self._folder / f"{number:06d}.npz"
        if not path.is_file():
            beginnings = self._beginnings(number)
            options = self._options
            seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
            written = write(model, beginnings, options.written, temperature=options.sampling, seed=seed)
            rows = [Row("own", one, self._ended(text)) for one, text in zip(beginnings, written, strict=True)]
            TargetOutputs.of(rows).save(path)
        return TargetOutputs.load(path)

    def _ended(self, text: list[int]) -> tuple[int, ...]:
        """The text up to its first end token."""
        ends = [at for at, token in enumerate(text) if token in self._teacher.eos_ids]
        return tuple(text[: ends[0] + 1] if ends else text)

    def _beginnings(self, number: int) -> list[tuple[int, ...]]:
        """Prompts with a part of the target's output, often none, behind which the draft model writes."""
        rng = np.random.default_rng([self._seed, number, 4])
        found: list[tuple[int, ...]] = []
        drawn = 0
        while len(found) < self._options.texts:
            for row in self._rows.rows(2**40 + number * 2**20 + drawn):
                cut = 0 if rng.random() < 0.25 else int(rng.integers(len(row.output)))
                found.append((*row.prompt, *row.output[:cut]))
            drawn += 1
        return found[: self._options.texts]


@torch.no_grad()
def write(
    model: Model, beginnings: Sequence[tuple[int, ...]], count: int, *, temperature: float, seed: int
) -> list[list[int]]:
    """Let the model write `count` tokens behind each text, greedily at temperature 0."""
    llama = to_llama(model)
    device = model.embed.weight.device
    generator = torch.Generator("cpu").manual_seed(seed)
    out: list[list[int]] = [[] for _ in beginnings]
    order = sorted(range(len(beginnings)), key=lambda at: len(beginnings[at]))
    for first in range(0, len(order), _AT_ONCE):
        group = order[first : first + _AT_ONCE]
        longest = len(beginnings[group[-1]])
        tokens_BN = torch.zeros((len(group), longest), dtype=torch.long)
        sees_BN = torch.zeros((len(group), longest), dtype=torch.long)
        for row, at in enumerate(group):
            size = len(beginnings[at])
            tokens_BN[row, longest - size :] = torch.tensor(beginnings[at])
            sees_BN[row, longest - size :] = 1
        texts_BN = _continued(llama, tokens_BN.to(device), sees_BN.to(device), count, temperature, generator)
        for at, text in zip(group, texts_BN.tolist(), strict=True):
            out[at] = text
    return out


def _continued(
    llama: Any, tokens_BN: Tensor, sees_BN: Tensor, count: int, temperature: float, generator: torch.Generator
) -> Tensor:
    """Continue left-padded rows with a cache; `count` tokens a row."""
    positions_BN = (sees_BN.cumsum(1) - 1).clamp_min(0)
    cache, read_BN, drawn = DynamicCache(config=llama.config), tokens_BN, []
    argument = cache_argument(llama) or "past_key_values"
    for _ in range(count):
        output = llama(
            input_ids=read_BN,
            attention_mask=sees_BN,
            position_ids=positions_BN,
            use_cache=True,
            logits_to_keep=1,
            **{argument: cache},
        )
        logits_BV = output.logits[:, -1].float()
        if temperature > 0:
            chance_BV = (logits_BV / temperature).softmax(-1).cpu()
            read_BN = torch.multinomial(chance_BV, 1, generator=generator).to(tokens_BN.device)
        else:
            read_BN = logits_BV.argmax(-1, keepdim=True)
        drawn.append(read_BN)
        sees_BN = torch.cat([sees_BN, torch.ones_like(read_BN)], dim=1)
        positions_BN = positions_BN[:, -1:] + 1
    return torch.cat(drawn, dim=1)
