"""Examples -> batches: what a row is, which tokens are predicted, rows of like length together.

Knows token ids and weights. Must not know text, tasks' wording or the model.

A batch is a pure function of (seed, name, number): rows are drawn in pools, sorted by length and cut into as many
batches as a pool always has.

Shapes: B rows, N tokens a row, P supervised positions of the batch (flat index into B x N).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from app.training.data import tokenizer

_LARGE = 2**14


@dataclass(frozen=True, slots=True)
class Example:
    """One row: `prompt` then `output` token ids, and the weight of each output token (same length as `output`)."""

    task: str
    prompt: list[int]
    output: list[int]
    weights: list[float]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.output)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded to one length, and the positions whose next token is predicted."""

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


class Pools:
    """Batches of about `tokens` tokens by number; `sources` are (share of the examples, source)."""

    def __init__(
        self,
        sources: list[tuple[float, Source]],
        *,
        seed: str,
        tokens: int,
        context_share: float,
        batches: int | None = None,
        longest: int = 700,
    ) -> None:
        """`context_share` of the prompts' tokens are predicted too: plain language modelling on the side."""
        self._sources, self._seed, self._context = sources, seed, context_share
        # Large batches are many rows of like length already, and the first should not take long.
        self._tokens, self._batches = tokens, batches or (16 if tokens <= _LARGE else 8)
        self._longest = longest
        self._pool_number = -1
        self._pool: list[Batch] = []

    def batch(self, number: int) -> Batch:
        """The batch of this number, the same whenever it is asked for."""
        pool, position = divmod(number, self._batches)
        if pool != self._pool_number:
            self._pool = self._made(random.Random(f"{self._seed}:{pool}"))
            self._pool_number = pool
        return self._pool[position]

    def _made(self, rng: random.Random) -> list[Batch]:
        shares = [share for share, _ in self._sources]
        drawn: list[Example] = []
        needed, total = self._tokens * self._batches, 0
        while total < needed or len(drawn) < self._batches:
            source = rng.choices(self._sources, weights=shares)[0][1]
            example = source.draw(rng)
            if len(example) <= self._longest:
                drawn.append(example)
                total += len(example)
        groups = _groups(sorted(drawn, key=len), self._batches)
        rng.shuffle(groups)
        return [collate(group, rng, context_share=self._context) for group in groups]


def collate(examples: list[Example], rng: random.Random, *, context_share: float) -> Batch:
    """One batch of these rows; which prompt tokens are predicted is drawn anew."""
    longest = max(len(e) for e in examples)
    tokens_BN = np.full((len(examples), longest), tokenizer.PAD, dtype=np.int64)
    position, following, weight, context = [], [], [], []
    for row, e in enumerate(examples):
        ids = e.prompt + e.output
        tokens_BN[row, : len(ids)] = ids
        chosen = [i for i in range(1, len(e.prompt)) if rng.random() < context_share]
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


def _groups(ordered: list[Example], count: int) -> list[list[Example]]:
    """`count` runs of neighbours in length order, each of about as many tokens as the others."""
    groups: list[list[Example]] = [[] for _ in range(count)]
    total, so_far = sum(len(e) for e in ordered), 0
    for example in ordered:
        groups[min(count - 1, so_far * count // total)].append(example)
        so_far += len(example)
    return groups if all(groups) else _even(ordered, count)


def _even(ordered: list[Example], count: int) -> list[list[Example]]:
    """Runs of equal numbers instead, where rows are so few and long that one spans a border."""
    return [ordered[i * len(ordered) // count : max(i + 1, (i + 1) * len(ordered) // count)] for i in range(count)]
