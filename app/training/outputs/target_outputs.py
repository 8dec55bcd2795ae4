"""What a target wrote: prompts and outputs as token ids in one file, and batches of them by length.

Knows token ids. Must not know text, models or tasks' wording. A batch is a function of (seed, number) alone, so that a
resumed run sees the same rows as one that was never stopped.

Shapes: R rows, T tokens of all rows, B rows of a batch, N tokens a row, P supervised positions (flat index into B x N).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.training.errors import DataMissingError
from corpora.store.atomic_write import replace_file

PROMPT_SHARE = 0.25
"""The share of the prompts' tokens that are predicted too; see `RowBatch.is_output_P`."""

_NEIGHBOURS = 4
"""A batch is drawn from so many times its own size of rows of like length."""


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt, the output behind it (with its end token), and the name of the task."""

    task: str
    prompt: tuple[int, ...]
    output: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows right-padded to one length. `position_P` are positions whose next token `next_P` is predicted.

    `prompt_B` and `length_B`: row b has its output from `prompt_B[b]` to `length_B[b]` (exclusive).
    """

    tokens_BN: Tensor
    position_P: Tensor
    next_P: Tensor
    is_output_P: Tensor
    prompt_B: Tensor
    length_B: Tensor
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class TargetOutputs:
    """All rows: row r has tokens `starts_R[r]` to `starts_R[r + 1]`, the first `prompt_R[r]` of them its prompt."""

    tokens_T: NDArray[np.unsignedinteger]
    starts_R: NDArray[np.int64]
    prompt_R: NDArray[np.int32]
    task_R: NDArray[np.uint8]
    tasks: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> TargetOutputs:
        """Pack rows; ids take two bytes where they fit."""
        packed = list(rows)
        tasks = tuple(sorted({row.task for row in packed}))
        ids = [token for row in packed for token in (*row.prompt, *row.output)]
        sizes = [len(row.prompt) + len(row.output) for row in packed]
        return cls(
            tokens_T=np.array(ids, dtype=np.uint16 if max(ids, default=0) < 2**16 else np.uint32),
            starts_R=np.cumsum([0, *sizes], dtype=np.int64),
            prompt_R=np.array([len(row.prompt) for row in packed], dtype=np.int32),
            task_R=np.array([tasks.index(row.task) for row in packed], dtype=np.uint8),
            tasks=tasks,
        )

    @classmethod
    def load(cls, path: Path) -> TargetOutputs:
        """Read what `save` wrote. Raises DataMissingError."""
        try:
            with path.open("rb") as file, np.load(file) as stored:
                tasks = tuple(stored["tasks"].tobytes().decode().split("\n"))
                return cls(stored["tokens_T"], stored["starts_R"], stored["prompt_R"], stored["task_R"], tasks)
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise DataMissingError(
                f"no outputs of a target at {path}: {error}",
                hint="leave `outputs_file` out and the stage makes them first, or name a file that a stage has made",
            ) from error

    def save(self, path: Path) -> None:
        """Write one npz, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {
            "tokens_T": self.tokens_T,
            "starts_R": self.starts_R,
            "prompt_R": self.prompt_R,
            "task_R": self.task_R,
            "tasks": np.frombuffer("\n".join(self.tasks).encode(), dtype=np.uint8),
        }
        replace_file(path, lambda part: np.savez(part, **arrays))

    def __len__(self) -> int:
        return len(self.prompt_R)

    def __getitem__(self, number: int) -> Row:
        start, end = int(self.starts_R[number]), int(self.starts_R[number + 1])
        ids = tuple(self.tokens_T[start:end].tolist())
        prompt = int(self.prompt_R[number])
        return Row(self.tasks[int(self.task_R[number])], ids[:prompt], ids[prompt:])

    @property
    def lengths_R(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        return np.diff(self.starts_R)


class RowBatches:
    """Batches of at most `tokens` tokens, padding included, of rows of like length; rows above `longest` are left out.

    A batch begins at a row drawn by (seed, number) and takes neighbours of it in the order of length.
    """

    def __init__(self, outputs: TargetOutputs, *, seed: int, tokens: int, longest: int = 768) -> None:
        lengths_R = outputs.lengths_R
        order_R = np.argsort(lengths_R, kind="stable")
        self.outputs, self._seed, self._tokens = outputs, seed, tokens
        self._order_R = order_R[lengths_R[order_R] <= min(longest, tokens)]
        self._lengths_R = lengths_R[self._order_R]
        if not len(self._order_R):
            raise DataMissingError(
                f"none of the {len(outputs)} outputs has at most {min(longest, tokens)} tokens",
                hint="a batch must hold at least one row: give more tokens a batch, or make other outputs",
            )

    def rows(self, number: int) -> list[Row]:
        """The rows of batch `number`."""
        rng = np.random.default_rng([self._seed, number])
        last = int(rng.integers(len(self._order_R)))
        size = max(1, self._tokens // int(self._lengths_R[last]))
        first = max(0, min(last, len(self._order_R) - 1) - _NEIGHBOURS * size)
        near = self._order_R[first : last + 1]
        chosen = rng.choice(near, size=min(size, len(near)), replace=False)
        return [self.outputs[int(row)] for row in chosen]

    def batch(self, number: int) -> RowBatch:
        """Batch `number`, padded; which prompt tokens are predicted is drawn anew."""
        return collate(self.rows(number), np.random.default_rng([self._seed, number, 1]), number=number)


def collate(rows: list[Row], rng: np.random.Generator, *, number: int = 0) -> RowBatch:
    """One batch of these rows: every output token is predicted, and a share of the prompts'."""
    longest = max(len(row.prompt) + len(row.output) for row in rows)
    tokens_BN = np.zeros((len(rows), longest), dtype=np.int64)
    positions, outputs = [], []
    for at, row in enumerate(rows):
        prompt, length = len(row.prompt), len(row.prompt) + len(row.output)
        tokens_BN[at, :length] = (*row.prompt, *row.output)
        counted_N = np.flatnonzero(rng.random(prompt - 1) < PROMPT_SHARE)
        positions.append(at * longest + np.concatenate([counted_N, np.arange(prompt - 1, length - 1)]))
        outputs.append(np.arange(len(positions[-1])) >= len(counted_N))
    position_P = np.concatenate(positions)
    return RowBatch(
        tokens_BN=torch.from_numpy(tokens_BN),
        position_P=torch.from_numpy(position_P),
        next_P=torch.from_numpy(tokens_BN.reshape(-1)[position_P + 1]),
        is_output_P=torch.from_numpy(np.concatenate(outputs)),
        prompt_B=torch.tensor([len(row.prompt) for row in rows]),
        length_B=torch.tensor([len(row.prompt) + len(row.output) for row in rows]),
        number=number,
    )
