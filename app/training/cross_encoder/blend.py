"""How the log-odds of both stages are made one: fitted to questions that neither has learned.

A share of each and a constant for the listwise softmax with "none of them", then a slope and an offset, so that the
best is the log-odds that it is right (Platt 1999). L lists, K units that the second stage read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from app.training.relevance.lists import Judged
from retrieval.evidence.cross_encoder import DEPTH, Blend, CrossEncoder
from retrieval.evidence.relevance import LearnedRelevance

_ITERATIONS: Final = 300
_RATE: Final = 0.05
_DECAY: Final = 1e-3
"""What keeps a scale finite where few lists are told apart without an error."""
_LEAST: Final = 1e-3
"""The share of the first stage at least: what is not read is ordered by it."""


@dataclass(frozen=True, slots=True)
class ReadList:
    """Scores of both stages, (K,) each, and what is right."""

    first_K: NDArray[np.float32]
    second_K: NDArray[np.float32]
    right_K: NDArray[np.bool_]


def read_lists(judged: Iterable[Judged], scorer: LearnedRelevance, cross_encoder: CrossEncoder) -> list[ReadList]:
    """The best of each list as serving has them, without those that are asked in vain."""
    found = []
    for one in judged:
        scores_C, in_vain = scorer.first_stage(one.question, one.candidates, one.passages)
        if in_vain:
            continue
        best_K = np.argsort(-scores_C, kind="stable")[:DEPTH]
        units = [(one.candidates[at].lead, one.candidates[at].text) for at in best_K]
        second_K = cross_encoder.scores(one.question, units)
        found.append(ReadList(scores_C[best_K], second_K, np.array(one.right)[best_K]))
    return found


def fitted(lists: Sequence[ReadList], *, beside: Sequence[ReadList] = ()) -> Blend:
    """The blend for these lists. Raises ValueError without any.

    Slope and offset are those for these and for lists of another kind ``beside`` them, each kind with half the weight.
    """
    if not lists:
        raise ValueError("no lists to fit the blend to")
    own = _Padded.of(lists)
    share_LK = own.right_LK / own.right_LK.sum(dim=1, keepdim=True).clamp(min=1)
    weights_3 = torch.tensor([0.5, 0.5, 0.0], requires_grad=True)

    def listwise() -> Tensor:
        scores_LK = own.rows_LK3 @ weights_3
        every_LK = torch.cat([scores_LK.masked_fill(own.unread_LK, -torch.inf), torch.zeros(len(lists), 1)], dim=1)
        loss = (every_LK.logsumexp(dim=1) - (share_LK * scores_LK).sum(dim=1)).mean()
        return loss + _DECAY * weights_3.square().sum()

    _minimized(listwise, weights_3)
    kinds = [one.best(weights_3.detach()) for one in (own, *([_Padded.of(beside)] if beside else []))]
    scale_2 = torch.tensor([1.0, 0.0], requires_grad=True)

    def of_the_best() -> Tensor:
        losses = [
            binary_cross_entropy_with_logits(best_L * scale_2[0] + scale_2[1], right_L) for best_L, right_L in kinds
        ]
        return torch.stack(losses).mean() + _DECAY * scale_2.square().sum()

    _minimized(of_the_best, scale_2)
    slope, offset = scale_2.tolist()
    first, second, constant = weights_3.tolist()
    return Blend(slope * max(first, _LEAST), slope * second, slope * constant + offset)


@dataclass(frozen=True, slots=True)
class _Padded:
    """Lists as one: both scores and a 1, what is right, and what is no unit of the list."""

    rows_LK3: Tensor
    right_LK: Tensor
    unread_LK: Tensor

    @classmethod
    def of(cls, lists: Sequence[ReadList]) -> Self:
        size = max(len(one.first_K) for one in lists)
        made = cls(
            torch.zeros(len(lists), size, 3),
            torch.zeros(len(lists), size),
            torch.ones(len(lists), size, dtype=torch.bool),
        )
        for number, one in enumerate(lists):
            read = len(one.first_K)
            parts = (one.first_K, one.second_K, np.ones_like(one.first_K))
            made.rows_LK3[number, :read] = torch.from_numpy(np.stack(parts, axis=1))
            made.right_LK[number, :read] = torch.from_numpy(one.right_K.astype(np.float32))
            made.unread_LK[number, :read] = False
        return made

    def best(self, weights_3: Tensor) -> tuple[Tensor, Tensor]:
        """(L,) scores of the best, and whether it is right."""
        best_L, at_L = (self.rows_LK3 @ weights_3).masked_fill(self.unread_LK, -torch.inf).max(dim=1)
        return best_L, self.right_LK.gather(1, at_L[:, None])[:, 0]


def _minimized(loss: Callable[[], Tensor], weights: Tensor) -> None:
    """Find the weights, in place, for which the loss is least; it is convex."""
    optimizer = torch.optim.Adam([weights], lr=_RATE)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, _ITERATIONS)
    for _ in range(_ITERATIONS):
        found = loss()
        optimizer.zero_grad()
        torch.autograd.backward(found)
        optimizer.step()
        schedule.step()
