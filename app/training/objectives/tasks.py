"""The tasks of targets and of untrained draft models: copy, quote, answer from evidence, correct, plain prose.

Knows which rows a stage is made of and how their tokens are weighted. Must not know how batches are run.

Shapes: B rows, N tokens a row, T = B x N, D hidden, V vocabulary, P supervised positions (flat index into B x N).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from app.training.config import Stage, result_of
from app.training.corruption.synthetic import Corruptor
from app.training.data import prose, tokenizer
from app.training.data.material import Material
from app.training.examples import copying, grammar
from app.training.examples.answers import AnswerItems
from app.training.examples.copying import QuotedSentences
from app.training.examples.mixture import Batch, Example, Pools, Source
from app.training.loop.trainer import Loss
from app.training.model import Model, load_model, save_model
from app.training.objectives.medusa_heads import AHEAD, begin_heads


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Options of the kinds "tasks" and "copying"; shares are of the rows."""

    grammar: float = 0.62
    answers: float = 0.28
    copying: float = 0.10
    prose: float = 0.0
    quoting: float = 0.0
    plain: float = 0.6
    """The share, among corrections, of short sentences of common words."""
    longest_copy: int = 48
    context_weight: float = 0.5
    context_share: float = 0.12
    ahead_heads: int = 0
    ahead_weight: float = 0.1


class TaskObjective:
    """Cross-entropy of outputs, of some prompt tokens, and of tokens further on if the model has `ahead` heads."""

    def __init__(self, name: str, pools: Pools, options: TaskOptions) -> None:
        self.name, self._pools, self._options = name, pools, options

    def batch(self, number: int) -> Batch:
        """Rows of like length."""
        return self._pools.batch(number)

    def loss(self, model: Model, batch: Batch) -> Loss:
        """All parts are means over their tokens."""
        hidden_TD = model(batch.tokens_BN).flatten(0, 1)
        logits_PV = model.logits(hidden_TD[batch.position_P])
        nats_P = F.cross_entropy(logits_PV.float(), batch.next_P, reduction="none")
        out_P, context_P = batch.weight_P * ~batch.is_context_P, batch.is_context_P.float()
        output = (nats_P * out_P).sum() / out_P.sum().clamp_min(1e-6)
        total, parts = output, {_task_of(batch): output}
        if self._options.context_weight > 0:
            context = (nats_P * context_P).sum() / context_P.sum().clamp_min(1.0)
            total = total + self._options.context_weight * context
            parts["context"] = context
        if model.ahead.heads:
            ahead = self._ahead(model, hidden_TD, batch)
            total = total + self._options.ahead_weight * ahead
            parts["ahead"] = ahead
        return Loss(total, parts, batch.tokens_BN.numel())

    def _ahead(self, model: Model, hidden_TD: Tensor, batch: Batch) -> Tensor:
        """The heads' losses, added up, at output positions with as many outputs behind them in the same row."""
        row_P = torch.div(batch.position_P, batch.tokens_BN.shape[1], rounding_mode="floor")
        position_P = torch.where(batch.is_context_P, -1, batch.position_P)
        nats = hidden_TD.new_zeros((), dtype=torch.float32)
        for k in range(1, model.ahead.heads + 1):
            same_P = (position_P[k:] == position_P[:-k] + k) & (row_P[k:] == row_P[:-k]) & (position_P[:-k] >= 0)
            # Weighted by 0 instead of left out: shapes that depend on values make a device wait.
            logits_PV = model.logits(model.ahead.one_after(hidden_TD[batch.position_P[:-k]], k))
            each_P = F.cross_entropy(logits_PV.float(), batch.next_P[k:], reduction="none")
            nats = nats + (each_P * same_P).sum() / same_P.sum().clamp_min(1)
        return nats


@dataclass(frozen=True, slots=True)
class ProseRows:
    """A few sentences of one paragraph, all of them predicted: plain language modelling."""

    texts: list[list[str]]
    bpe: Tokenizer
    longest: int = 256

    def draw(self, rng: random.Random) -> Example:
        """One row, cut to `longest` tokens."""
        paragraph = rng.choice(self.texts)
        start = rng.randrange(len(paragraph))
        text = " ".join(paragraph[start : start + 8])
        output = [*tokenizer.encode(self.bpe, " " + text)[: self.longest], tokenizer.EOS]
        return Example(task="prose", prompt=[tokenizer.EOS], output=output, weights=[0.5] * len(output))


def model(stage: Stage, run: Path) -> Model:
    """A new model, or the one that the stage begins with, and `ahead_heads` heads."""
    options = stage.read_options(TaskOptions)
    made = Model(stage.required_shape(), ahead=options.ahead_heads)
    if stage.begin:
        folder = result_of(stage.begin, run)
        begun = load_model(folder)
        stage.check_shape(begun.shape)
        made.load_state_dict(begun.state_dict(), strict=False)
        begin_heads(made.ahead, folder)
    return made


def save(stage: Stage, model: Model, folder: Path, material: Material) -> None:
    """Write the model, and its heads into a folder within, for stages that begin with them."""
    save_model(model, folder, bpe=material.tokenizer)
    if model.ahead.heads:
        model.ahead.save(folder / AHEAD)


def objective(stage: Stage, material: Material, run: Path, device: torch.device) -> TaskObjective:
    """The stage's rows, mixed by its shares."""
    options = stage.read_options(TaskOptions)
    material.require()
    only_copying = stage.kind == "copying"
    if only_copying:
        options = dataclasses.replace(options, context_share=0.0, context_weight=0.0)
    sources = _copying(material, options) if only_copying else _mixed(stage, material, options)
    pools = Pools(
        sources,
        seed=f"{stage.plan.seed}:{stage.name}",
        tokens=stage.plan.tokens,
        context_share=options.context_share,
    )
    return TaskObjective(stage.name, pools, options)


def _copying(material: Material, options: TaskOptions) -> list[tuple[float, Source]]:
    spans = copying.CopySpans(longest=options.longest_copy)
    return [(0.9, spans), (0.1, copying.sentences_for(material.tokenizer))]


def _mixed(stage: Stage, material: Material, options: TaskOptions) -> list[tuple[float, Source]]:
    bpe = material.tokenizer
    sources: list[tuple[float, Source]] = [
        (options.copying * 0.5, copying.repeats_for(bpe)),
        (options.copying * 0.35, copying.CopySpans(longest=options.longest_copy)),
        (options.copying * 0.15, copying.sentences_for(bpe)),
    ]
    if options.answers:
        sources.append((options.answers, AnswerItems(material.answers("train"), bpe, stage.answer_mix)))
    if options.grammar or options.prose or options.quoting:
        texts = material.texts("train")
        sources.append((options.prose, ProseRows(texts, bpe)))
        sources.append((options.quoting, QuotedSentences(texts, bpe)))
        corruptor = Corruptor(material.forms, material.misspelt, stage.error_counts)
        # Where there is little prose, no sentence may be plain.
        plain = prose.plain_texts(texts) or texts
        for share, chosen in ((options.plain, plain), (1 - options.plain, texts)):
            pairs = grammar.GrammarPairs(chosen, corruptor, bpe, stage.grammar_mix)
            sources.append((options.grammar * share, pairs))
    return [(share, source) for share, source in sources if share > 0]


def _task_of(batch: Batch) -> str:
    """Rows of like length are mostly of one task."""
    counts: Mapping[str, int] = {task: batch.tasks.count(task) for task in sorted(set(batch.tasks))}
    return max(counts, key=lambda task: counts[task])
