"""A drafter that fills k masked positions in one forward, trained at many positions of a row at once.

SpecDec's drafter (Xia et al. 2023, "Speculative Decoding: Exploiting Speculative Execution for Accelerating Seq2seq
Generation") as a small causal LM: behind the text stand mask 0 to mask k - 1, mask j predicts the token j + 1 behind
the next one. It learns from the target's own outputs (sequence-level distillation, as in the paper). Behind each row
stand blocks of masks; each block has the position ids that it would have when drafting at its anchor, a token of the
text, and sees the text up to there and its own earlier masks: so a block is computed exactly as when drafting. Must
not know drafting.

Shapes: B rows, N tokens of text, G blocks a row, K masks a block, M = N + G x K, D hidden, V vocabulary.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from app.training.config import Stage, result_of
from app.training.data.material import Material
from app.training.loop.trainer import Loss
from app.training.model import Model, Shape, keep_tokenizer, load_model, save_model
from app.training.objectives.distil import PROMPT_WEIGHT, agreement, mean
from app.training.outputs.target_outputs import RowBatch, RowBatches
from app.training.outputs.write_outputs import OutputOptions, row_batches
from decoding.drafters.parallel_model import FACTS, FORMAT

BLOCKS = 12
DECAY = 0.9
"""The weight of mask j, to the power of j + 1; the next token itself has weight 1."""

_MASK_NOISE = 0.02


@dataclass(frozen=True, slots=True)
class ParallelOptions(OutputOptions):
    """Options of the kind "parallel"; one forward gives `masks` + 1 tokens."""

    masks: int = 6
    blocks: int = BLOCKS
    decay: float = DECAY


def model(stage: Stage, run: Path) -> Model:
    """A drafter of the stage's shape, that of a draft model, with the weights of one if the stage names it."""
    draft = load_model(result_of(stage.begin, run)) if stage.begin else None
    if draft is not None:
        stage.check_shape(draft.shape)
    return new_drafter(stage.required_shape(), masks=stage.read_options(ParallelOptions).masks, draft=draft)


def objective(stage: Stage, material: Material, run: Path, device: torch.device) -> ParallelTraining:
    """The stage's objective over the outputs of its target."""
    options = stage.read_options(ParallelOptions)
    rows = row_batches(stage, material, run, device, options)
    return ParallelTraining(rows, masks=options.masks, blocks=options.blocks, decay=options.decay, seed=stage.plan.seed)


def save(stage: Stage, model: Model, folder: Path, material: Material) -> None:
    """Write the drafter as decoding loads it."""
    masks = stage.read_options(ParallelOptions).masks
    save_model(model, folder, bpe=material.tokenizer)
    keep_tokenizer(stage.target, folder)
    write_facts(folder, vocabulary=model.shape.vocabulary - masks, masks=masks)


@dataclass(frozen=True, slots=True)
class BlockBatch:
    """Rows, and the text token that each block of masks stands behind (`anchor_BG`; -1: unused)."""

    rows: RowBatch
    anchor_BG: Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """The model's input: text and masks, their position ids, and which token sees which."""

    tokens_BM: Tensor
    positions_BM: Tensor
    sees_BMM: Tensor


def new_drafter(shape: Shape, *, masks: int, draft: Model | None = None) -> Model:
    """A drafter with `masks` more ids than `shape`; it starts with the weights of `draft` if that is given."""
    drafter = Model(replace(shape, vocabulary=shape.vocabulary + masks))
    if draft is not None:
        own = drafter.state_dict()
        learned = draft.state_dict()
        table = learned.pop("embed.weight")
        drafter.load_state_dict({**own, **learned})
        with torch.no_grad():
            drafter.embed.weight[: shape.vocabulary] = table
            drafter.embed.weight[shape.vocabulary :] = table.mean(0) + _MASK_NOISE * torch.randn(masks, shape.hidden)
    return drafter


def write_facts(folder: Path, *, vocabulary: int, masks: int) -> None:
    """parallel.json: what decoding needs to know beside the weights. `vocabulary` is the target's."""
    facts = {"format": FORMAT, "vocabulary": vocabulary, "masks": masks}
    (folder / FACTS).write_text(json.dumps(facts) + "\n", encoding="utf-8")


class ParallelTraining:
    """Cross-entropy of the next token and of each mask's token, over the target's own outputs."""

    name = "parallel"

    def __init__(
        self, rows: RowBatches, *, masks: int, blocks: int = BLOCKS, decay: float = DECAY, seed: int = 0
    ) -> None:
        self._rows, self._masks, self._blocks, self._decay, self._seed = rows, masks, blocks, decay, seed

    def batch(self, number: int) -> BlockBatch:
        """Rows with anchors drawn for their blocks: anywhere from the end of the prompt to the last token but two."""
        rows = self._rows.batch(number)
        rng = np.random.default_rng([self._seed, number, 2])
        anchor_BG = np.full((len(rows.length_B), self._blocks), -1, dtype=np.int64)
        for row, (prompt, length) in enumerate(zip(rows.prompt_B.tolist(), rows.length_B.tolist(), strict=True)):
            possible = np.arange(prompt - 1, length - 2)
            chosen = rng.permutation(possible)[: self._blocks]
            anchor_BG[row, : len(chosen)] = chosen
        return BlockBatch(rows, torch.from_numpy(anchor_BG))

    def loss(self, model: Any, batch: BlockBatch) -> Loss:
        """Weighted mean over the positions ahead; `mask0`, `mask1`, ... are how often each is right."""
        rows, masks = batch.rows, self._masks
        first_mask = model.shape.vocabulary - masks
        layout = lay_out(rows.tokens_BN, batch.anchor_BG, masks=masks, first_mask=first_mask)
        hidden_BMD = model(layout.tokens_BM, layout.positions_BM, layout.sees_BMM)
        size = rows.tokens_BN.shape[1]
        text_PV = model.logits(hidden_BMD[:, :size].flatten(0, 1)[rows.position_P]).float()
        nats_P = F.cross_entropy(text_PV, rows.next_P, reduction="none")
        label_BGK, inside_BGK = labels(rows, batch.anchor_BG, masks)
        masked_PV = model.logits(hidden_BMD[:, size:].flatten(0, 1)[inside_BGK.flatten()]).float()
        masked_P, which_P = label_BGK[inside_BGK], torch.where(inside_BGK)[2]
        masked_nats_P = F.cross_entropy(masked_PV, masked_P, reduction="none")
        weight_P = self._decay ** (which_P + 1.0)
        expected = sum(self._decay ** (j + 1) for j in range(masks))
        ahead = (masked_nats_P * weight_P).sum() / weight_P.sum().clamp_min(1e-6)
        output, prompt = mean(nats_P, rows.is_output_P), mean(nats_P, ~rows.is_output_P)
        total = (output + expected * ahead) / (1 + expected) + PROMPT_WEIGHT * prompt
        right_P = (masked_PV.argmax(-1) == masked_P).float()
        parts = {f"mask{j}": mean(right_P, which_P == j) for j in range(masks)}
        parts |= {"output": output, "ahead": ahead, "agreement": agreement(text_PV, rows)}
        return Loss(total, parts, tokens=layout.tokens_BM.numel())


def lay_out(tokens_BN: Tensor, anchor_BG: Tensor, *, masks: int, first_mask: int) -> Layout:
    """Text and, behind it, a block of masks for each anchor; each token sees what it would see when drafting."""
    size, device = tokens_BN.shape[1], tokens_BN.device
    slot_K = torch.arange(masks, device=device)
    slot_M = torch.cat([torch.zeros(size, dtype=torch.long, device=device), slot_K.repeat(anchor_BG.shape[1])])
    # Text is block -1 of itself; of the blocks a token sees its own alone.
    block_M = torch.cat(
        [
            torch.full((size,), -1, device=device),
            torch.arange(anchor_BG.shape[1], device=device).repeat_interleave(masks),
        ]
    )
    text_N = torch.arange(size, device=device)
    reach_BM = torch.cat([text_N.expand(len(tokens_BN), -1), anchor_BG.repeat_interleave(masks, dim=1)], dim=1)
    sees_text_BMN = text_N <= reach_BM[:, :, None]
    own_block_MM = (block_M[:, None] == block_M[size:]) & (slot_M[size:] <= slot_M[:, None])
    sees_BMM = torch.cat([sees_text_BMN, own_block_MM.expand(len(tokens_BN), -1, -1)], dim=2)
    mask_ids = (first_mask + slot_K).repeat(anchor_BG.shape[1]).expand(len(tokens_BN), -1)
    behind_BM = torch.where(block_M < 0, 0, slot_M + 1)
    return Layout(torch.cat([tokens_BN, mask_ids], dim=1), (reach_BM + behind_BM).clamp_min(0), sees_BMM)


def labels(rows: RowBatch, anchor_BG: Tensor, masks: int) -> tuple[Tensor, Tensor]:
    """The tokens that the masks stand for, (B, G, K), and which of them the rows have."""
    at_BGK = anchor_BG[:, :, None] + 2 + torch.arange(masks, device=anchor_BG.device)
    inside_BGK = (anchor_BG[:, :, None] >= 0) & (at_BGK < rows.length_B[:, None, None])
    flat = (at_BGK * inside_BGK).flatten(1)
    return rows.tokens_BN.gather(1, flat).view(at_BGK.shape), inside_BGK
