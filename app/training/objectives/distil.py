"""Distillation: a draft model learns to write what its frozen target writes.

Sequence level (Kim & Rush 2016, "Sequence-Level Knowledge Distillation"): cross-entropy on the target's own outputs.
Token level (Hinton et al. 2015; Zhou et al. 2024, "DistillSpec"): at each position of an output the whole distribution
of the target, computed in the same step by the frozen target (`Teacher`, a causal LM of transformers). Rows are
right-padded and attention is causal, so padding needs no mask. Must not know prompts or how outputs were made.

Shapes: B rows, N tokens a row, D hidden, V vocabulary, P supervised positions (flat index into B x N).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from app.training.config import Stage, result_of
from app.training.data.material import Material
from app.training.errors import ConfigError, DataMissingError
from app.training.loop.trainer import Loss
from app.training.model import Model, keep_tokenizer, load_model, save_model
from app.training.outputs.target_outputs import RowBatch, RowBatches
from app.training.outputs.write_outputs import OutputOptions, row_batches

Divergence = Literal["forward", "reverse", "jensen-shannon"]
DIVERGENCES: Mapping[str, Divergence] = MappingProxyType({name: name for name in get_args(Divergence)})
"""KL(target || draft), KL(draft || target), or the symmetric one; Zhou et al. compare them by task."""

PROMPT_WEIGHT = 0.1
"""The weight of the prompts' tokens: enough to keep the draft model a language model."""


@dataclass(frozen=True, slots=True)
class DistilOptions(OutputOptions):
    """Options of the kinds "sequence" and "token"; see `Mix` for the latter."""

    prompt_weight: float = PROMPT_WEIGHT
    hard: float = 0.4
    temperature: float = 1.0
    divergence: str = "forward"

    def mix(self) -> Mix:
        """The mixture of a token-level stage. Raises ConfigError."""
        if self.divergence not in DIVERGENCES:
            known = ", ".join(DIVERGENCES)
            raise ConfigError(f"there is no divergence {self.divergence!r}", hint=f"write one of {known}")
        return Mix(self.hard, self.temperature, DIVERGENCES[self.divergence], self.prompt_weight)


def model(stage: Stage, run: Path) -> Model:
    """The draft model that the stage begins with, or a new one."""
    if not stage.begin:
        return Model(stage.required_shape())
    begun = load_model(result_of(stage.begin, run))
    stage.check_shape(begun.shape)
    return begun


def save(stage: Stage, model: Model, folder: Path, material: Material) -> None:
    """Write the draft model as transformers loads it."""
    save_model(model, folder, bpe=material.tokenizer)
    keep_tokenizer(stage.target, folder)


def objective(
    stage: Stage, material: Material, run: Path, device: torch.device
) -> SequenceDistillation | TokenDistillation:
    """The stage's objective over the outputs of its target."""
    options = stage.read_options(DistilOptions)
    rows = row_batches(stage, material, run, device, options)
    if stage.kind == "sequence":
        return SequenceDistillation(rows, prompt_weight=options.prompt_weight)
    teacher = Teacher.load(result_of(stage.target, run), device=device)
    return TokenDistillation(rows, teacher, options.mix())


class SequenceDistillation:
    """Cross-entropy on what the target wrote, and with a small weight on its prompts."""

    name = "sequence"

    def __init__(self, rows: RowBatches, *, prompt_weight: float = PROMPT_WEIGHT) -> None:
        self._rows, self._prompt_weight = rows, prompt_weight

    def batch(self, number: int) -> RowBatch:
        """Rows of what the target wrote."""
        return self._rows.batch(number)

    def loss(self, model: Any, batch: RowBatch) -> Loss:
        """Mean nats of output tokens, plus the weighted mean of prompt tokens."""
        logits_PV = model.logits(model(batch.tokens_BN).flatten(0, 1)[batch.position_P]).float()
        nats_P = F.cross_entropy(logits_PV, batch.next_P, reduction="none")
        output, prompt = mean(nats_P, batch.is_output_P), mean(nats_P, ~batch.is_output_P)
        parts = {"output": output, "prompt": prompt, "agreement": agreement(logits_PV, batch)}
        return Loss(output + self._prompt_weight * prompt, parts, tokens=batch.tokens_BN.numel())


@dataclass(frozen=True, slots=True)
class Mix:
    """The mixture of token-level distillation.

    `hard` is the share of cross-entropy on the written token, the rest the divergence from the target's distribution
    at `temperature`. Where processors made the target write another token than its own best (a quotation, a bias),
    its own distribution is no guide, and the written token counts alone.
    """

    hard: float = 0.4
    temperature: float = 1.0
    divergence: Divergence = "forward"
    prompt_weight: float = PROMPT_WEIGHT


class TokenDistillation:
    """The target's distribution at each position of its outputs, mixed with the token it wrote."""

    name = "token"

    def __init__(self, rows: RowBatches, teacher: Teacher, mix: Mix | None = None) -> None:
        self._rows, self._teacher, self._mix = rows, teacher, mix if mix is not None else Mix()

    def batch(self, number: int) -> RowBatch:
        """Rows of what the target wrote."""
        return self._rows.batch(number)

    def loss(self, model: Any, batch: RowBatch) -> Loss:
        """The mixed loss of one batch; gradients reach the draft model only."""
        logits_PV = model.logits(model(batch.tokens_BN).flatten(0, 1)[batch.position_P]).float()
        return mixed(logits_PV, self._teacher.logits_at(batch.tokens_BN, batch.position_P), batch, self._mix)


def mixed(logits_PV: Tensor, teacher_PV: Tensor, batch: RowBatch, mix: Mix) -> Loss:
    """Cross-entropy and divergence at these positions, mixed as `mix` says."""
    hard_P = F.cross_entropy(logits_PV, batch.next_P, reduction="none")
    soft_P = divergence(logits_PV, teacher_PV, mix.divergence, temperature=mix.temperature)
    soft_P = soft_P * mix.temperature**2
    agrees_P = ~batch.is_output_P | (teacher_PV.argmax(-1) == batch.next_P)
    nats_P = torch.where(agrees_P, mix.hard * hard_P + (1 - mix.hard) * soft_P, hard_P)
    output, prompt = mean(nats_P, batch.is_output_P), mean(nats_P, ~batch.is_output_P)
    parts = {
        "output": mean(hard_P, batch.is_output_P),
        "divergence": mean(soft_P, batch.is_output_P & agrees_P),
        "agreement": agreement(logits_PV, batch),
    }
    return Loss(output + mix.prompt_weight * prompt, parts, tokens=batch.tokens_BN.numel())


def divergence(draft_PV: Tensor, target_PV: Tensor, kind: Divergence, *, temperature: float = 1.0) -> Tensor:
    """Nats between the two distributions at each position, (P). Vocabularies may be padded to different sizes."""
    shared = min(draft_PV.shape[-1], target_PV.shape[-1])
    draft_PV = F.log_softmax(draft_PV[:, :shared] / temperature, dim=-1)
    target_PV = F.log_softmax(target_PV[:, :shared] / temperature, dim=-1)
    if kind == "forward":
        return _kl(target_PV, draft_PV)
    if kind == "reverse":
        return _kl(draft_PV, target_PV)
    between_PV = torch.logaddexp(draft_PV, target_PV) - torch.log(torch.tensor(2.0, device=draft_PV.device))
    return (_kl(target_PV, between_PV) + _kl(draft_PV, between_PV)) / 2


def agreement(logits_PV: Tensor, batch: RowBatch) -> Tensor:
    """The share of output tokens that the draft model would have written, too; acceptance grows with it."""
    return mean((logits_PV.argmax(-1) == batch.next_P).float(), batch.is_output_P)


def mean(values_P: Tensor, where_P: Tensor) -> Tensor:
    """The mean over chosen positions; 0 where there is none."""
    return (values_P * where_P).sum() / where_P.sum().clamp_min(1)


def _kl(log_p_PV: Tensor, log_q_PV: Tensor) -> Tensor:
    return (log_p_PV.exp() * (log_p_PV - log_q_PV)).sum(-1)


class Teacher:
    """One frozen target. Pickled it becomes None: processes that only make batches do not need it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        model.eval()
        model.requires_grad_(False)
        self.output = model.get_output_embeddings()
        self.vocabulary: int = self.output.weight.shape[0]
        self.hidden: int = self.output.weight.shape[1]
        ends = model.generation_config.eos_token_id
        self.eos_ids = frozenset(() if ends is None else (ends,) if isinstance(ends, int) else ends)

    @classmethod
    def load(cls, folder: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.bfloat16) -> Teacher:
        """Load a target's folder. Raises DataMissingError."""
        from transformers import AutoModelForCausalLM

        if not (folder / "config.json").is_file():
            raise DataMissingError(
                f"there is no target at {folder}",
                hint="drafters learn from a finished target: train it first, or name its folder with --target",
            )
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
        return cls(torch.nn.Module.to(model, torch.device(device)))

    @torch.no_grad()
    def hidden_at(self, tokens_BN: Tensor, position_P: Tensor) -> Tensor:
        """Last hidden states, (P, D), to which the output matrix is applied."""
        hidden_BND: Tensor = self.model.base_model(input_ids=tokens_BN, use_cache=False).last_hidden_state
        return hidden_BND.flatten(0, 1)[position_P]

    @torch.no_grad()
    def logits_at(self, tokens_BN: Tensor, position_P: Tensor) -> Tensor:
        """The target's logits at those positions, (P, V) in float32."""
        logits_PV: Tensor = self.output(self.hidden_at(tokens_BN, position_P))
        return logits_PV.float()

    def __reduce__(self) -> tuple[Any, ...]:
        return _absent, ()


def _absent() -> None:
    """The teacher of a process that only makes batches."""
