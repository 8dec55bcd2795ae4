"""Examples -> batches: what a row is, which tokens count, rows of like length together.

Knows token ids and weights. Must not know text, tasks' wording or the model.

Shapes: B rows, N tokens a row, P supervised positions of the batch (flat index into B x N).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from app.training import tokenizer

CONTEXT_SHARE = 0.4
"""Share of the prompt's tokens that are predicted too: plain language modelling on the side."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row: `prompt` then `output` token ids, and how much each output token counts (same length as `output`)."""

    task: str
    prompt: list[int]
    output: list[int]
    weights: list[float]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.output)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded to one length, and the positions whose next token counts."""

    tokens_BN: Tensor
    position_P: Tensor
    next_P: Tensor
    weight_P: Tensor
    is_context_P: Tensor
    tasks: tuple[str, ...]


class Source(Protocol):
    """An endless supply of examples of one task."""

    def draw(self, rng: random.Random) -> Example:
        """One example, made anew each time."""
        ...


def batches(
    sources: list[tuple[float, Source]], rng: random.Random, *, tokens: int, pool: int = 512, longest: int = 700
) -> Iterator[Batch]:
    """Endless batches of about `tokens` tokens, padding included; `sources` are (share of the examples, source)."""
    shares = [share for share, _ in sources]
    while True:
        drawn = [s.draw(rng) for _, s in rng.choices(sources, weights=shares, k=pool)]
        drawn = sorted((e for e in drawn if len(e) <= longest), key=len)
        groups = list(_groups(drawn, tokens))
        rng.shuffle(groups)
        for group in groups:
            yield collate(group, rng)


def collate(examples: list[Example], rng: random.Random) -> Batch:
    """One batch of these rows; which prompt tokens count is drawn anew."""
    longest = max(len(e) for e in examples)
    tokens_BN = np.full((len(examples), longest), tokenizer.PAD, dtype=np.int64)
    position, following, weight, context = [], [], [], []
    for row, e in enumerate(examples):
        ids = e.prompt + e.output
        tokens_BN[row, : len(ids)] = ids
        chosen = [i for i in range(1, len(e.prompt)) if rng.random() < CONTEXT_SHARE]
        output = range(len(e.prompt), len(ids))
        position += [row * longest + i - 1 for i in (*chosen, *output)]
        following += [ids[i] for i in (*chosen, *output)]
        weight += [1.0] * len(chosen) + e.weights
        context += [True] * len(chosen) + [False] * len(output)
    return Batch(
        tokens_BN=torch.from_numpy(tokens_BN),
        position_P=torch.tensor(position),
        next_P=torch.tensor(following),
        weight_P=torch.tensor(weight),
        is_context_P=torch.tensor(context),
        tasks=tuple(e.task for e in examples),
    )


def _groups(ordered: list[Example], tokens: int) -> Iterator[list[Example]]:
    """Runs of neighbours in length order, each at most `tokens` when padded to its longest."""
    group: list[Example] = []
    for example in ordered:
        if group and len(example) * (len(group) + 1) > tokens:
            yield group
            group = []
        group.append(example)
    if group:
        yield group
