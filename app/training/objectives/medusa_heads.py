"""Heads on a frozen target that guess the tokens behind its next one, trained on its own outputs.

Blockwise parallel decoding (Stern et al. 2018) as Medusa-1 trains it (Cai et al. 2024): the target is frozen, head k
predicts the k-th token behind the target's next one, with weight 0.8^k. Logits come from the target's own output
matrix. Must not know how heads draft.

Shapes: B rows, N tokens a row, P output positions, K heads, D hidden, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from app.training.config import Stage, result_of
from app.training.data.material import Material
from app.training.loop.trainer import Loss
from app.training.objectives.distil import Teacher, mean
from app.training.outputs.target_outputs import RowBatch, RowBatches
from app.training.outputs.write_outputs import OutputOptions, row_batches
from decoding.drafters.medusa_heads import WEIGHTS, MedusaHeads

AHEAD = "ahead"
"""The folder, within a model's, of heads that were trained along with it."""
DECAY = 0.8
"""The weight of head k, to the power of k: a far token is hard to guess and rarely reached."""


@dataclass(frozen=True, slots=True)
class HeadOptions(OutputOptions):
    """Options of the kind "heads"."""

    heads: int = 4
    decay: float = DECAY


def model(stage: Stage, run: Path) -> MedusaHeads:
    """Heads that fit the stage's target: those that were trained along with it, and new ones."""
    from transformers import AutoConfig

    folder = result_of(stage.target, run)
    config = AutoConfig.from_pretrained(folder)
    made = MedusaHeads(config.get_text_config().hidden_size, stage.read_options(HeadOptions).heads)
    begin_heads(made, folder)
    return made


def begin_heads(heads: MedusaHeads, folder: Path) -> None:
    """Copy the heads that the model of ``folder`` was trained with into the nearest heads, as many as both have."""
    file = folder / AHEAD / WEIGHTS
    if not file.is_file():
        return
    stored = load_file(file)
    with torch.no_grad():
        for name, weight in heads.named_parameters():
            if name in stored and stored[name].shape == weight.shape:
                weight.copy_(stored[name])


def objective(stage: Stage, material: Material, run: Path, device: torch.device) -> HeadTraining:
    """The stage's objective over the outputs of its target."""
    options = stage.read_options(HeadOptions)
    rows = row_batches(stage, material, run, device, options)
    return HeadTraining(rows, Teacher.load(result_of(stage.target, run), device=device), decay=options.decay)


def save(stage: Stage, model: MedusaHeads, folder: Path, material: Material) -> None:
    """Write the heads as decoding loads them, in half the bytes."""
    model.to(torch.bfloat16).save(folder)


class HeadTraining:
    """Cross-entropy of each head's token over the target's own outputs; only the heads learn."""

    name = "heads"

    def __init__(self, rows: RowBatches, teacher: Teacher, *, decay: float = DECAY) -> None:
        self._rows, self._teacher, self._decay = rows, teacher, decay

    def batch(self, number: int) -> RowBatch:
        """Rows of what the target wrote."""
        return self._rows.batch(number)

    def loss(self, model: Any, batch: RowBatch) -> Loss:
        """The decayed mean over the heads; `head1`, `head2`, ... are how often each is right."""
        position_P = batch.position_P[batch.is_output_P]
        hidden_PD = self._teacher.hidden_at(batch.tokens_BN, position_P)
        hidden_PKD = model(hidden_PD.to(next(model.parameters()).dtype))
        logits_PKV = self._teacher.output(hidden_PKD.to(hidden_PD.dtype)).float()
        heads = hidden_PKD.shape[1]
        label_PK, inside_PK = tokens_behind(batch, position_P, heads)
        nats_PK = F.cross_entropy(logits_PKV.transpose(1, 2), label_PK, reduction="none")
        right_PK = (logits_PKV.argmax(-1) == label_PK).float()
        each = [mean(nats_PK[:, k], inside_PK[:, k]) for k in range(heads)]
        weights = [self._decay ** (k + 1) for k in range(heads)]
        total = torch.stack([weight * nats for weight, nats in zip(weights, each, strict=True)]).sum() / sum(weights)
        parts = {f"head{k + 1}": mean(right_PK[:, k], inside_PK[:, k]) for k in range(heads)}
        return Loss(total, {"nats": total, **parts}, tokens=batch.tokens_BN.numel())


def tokens_behind(batch: RowBatch, position_P: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The tokens behind the next one, (P, count), and which of them the row has."""
    size = batch.tokens_BN.shape[1]
    ahead_K = torch.arange(2, count + 2, device=position_P.device)
    inside_PK = (position_P % size)[:, None] + ahead_K < batch.length_B[position_P // size][:, None]
    label_PK = batch.tokens_BN.flatten()[((position_P[:, None] + ahead_K) * inside_PK)]
    return label_PK, inside_PK
