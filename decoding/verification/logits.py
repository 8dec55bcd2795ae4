"""The logits of a verified tree, copied to the host only as far as they are asked for.

Greedy choice needs one id a node, a processor the whole row; on a GPU the difference is megabytes a step.
B rows, N tree nodes, M nodes asked about, D hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.verification import sampling

_NONE: Final = -1


class Likeliest:
    """The likeliest token after every node of every row of a forward, in one transfer: the only wait of a step."""

    def __init__(self, logits_BNV: torch.Tensor) -> None:
        self._logits_BNV = logits_BNV
        self._tokens_BN: list[list[int]] | None = None

    def of(self, row: int) -> list[int]:
        """(N) token ids of a row, -1 where there is none."""
        if self._tokens_BN is None:
            best = self._logits_BNV.max(-1)
            # NaN is the maximum of a row that has it, so the same transfer tells of it.
            self._tokens_BN = torch.where(best.values > -torch.inf, best.indices, _NONE).tolist()
        return self._tokens_BN[row]


@dataclass(frozen=True, slots=True)
class Chances:
    """After some nodes: the likeliest tokens with their probabilities, and the probability of one given token."""

    best: tuple[tuple[tuple[int, float], ...], ...]
    asked: tuple[float, ...]


class TreeLogits:
    """Logits (N, V) of a tree on the target's device. One transfer answers a kind of question for all nodes.

    On a GPU a transfer waits for the device, so the greedy choices of all rows share ``likeliest``, in which the root
    is node ``first`` of row ``row``; on a CPU each row has its own. ``hidden_ND`` are the last hidden states that the
    logits were made of, where the target keeps them.
    """

    def __init__(
        self,
        logits_NV: torch.Tensor,
        tokens: Sequence[int],
        *,
        likeliest: Likeliest | None = None,
        row: int = 0,
        first: int = 0,
        hidden_ND: torch.Tensor | None = None,
    ) -> None:
        self._logits_NV = logits_NV
        self._hidden_ND = hidden_ND
        self._tokens = tuple(tokens)
        self._likeliest = likeliest if likeliest is not None and logits_NV.is_cuda else Likeliest(logits_NV[None])
        self._row, self._first = (row, first) if self._likeliest is likeliest else (0, 0)
        self._host_NV: NDArray[np.floating] | None = None

    @property
    def tokens(self) -> Sequence[int]:
        """(N) ids of the nodes, the root first."""
        return self._tokens

    def greedy(self, node: int) -> int:
        """The likeliest token after ``node``, the first of equals. Raises InvalidRequest where a logit is NaN."""
        token = self._likeliest.of(self._row)[self._first + node]
        if token == _NONE:
            raise sampling.nothing_allowed()
        return token

    def row(self, node: int) -> NDArray[np.floating]:
        """(V) logits after ``node``, at least float32, in a copy that the caller may change."""
        if self._host_NV is None:
            wide_NV = self._logits_NV if self._logits_NV.dtype is torch.float64 else self._logits_NV.float()
            self._host_NV = wide_NV.cpu().numpy()
        row_V: NDArray[np.floating] = self._host_NV[node].copy()
        return row_V

    def hidden(self, node: int) -> torch.Tensor | None:
        """(D) last hidden state at ``node``, on the target's device; None where the target keeps none."""
        return None if self._hidden_ND is None else self._hidden_ND[node]

    @torch.inference_mode()
    def top(self, k: int) -> NDArray[np.int64]:
        """(N, k) likeliest next tokens after each node before processors, best first."""
        best = self._logits_NV.topk(min(k, self._logits_NV.shape[-1]), dim=-1)
        ids_NK: NDArray[np.int64] = best.indices.cpu().numpy()
        return ids_NK

    @torch.inference_mode()
    def chances(self, nodes: Sequence[int], asked: Sequence[int], *, k: int, below: int | None = None) -> Chances:
        """After each of ``nodes`` the ``k`` likeliest tokens, best first, and the probability of the token ``asked``.

        Computed on the logits' device, so that the size of the transfer does not depend on the vocabulary. With
        ``below``, only the ids below it count.
        """
        rows_MV = self._logits_NV[torch.tensor(nodes, device=self._logits_NV.device), :below]
        shares_MV = rows_MV.softmax(-1, dtype=torch.float64 if rows_MV.dtype is torch.float64 else torch.float32)
        best = shares_MV.topk(min(k, shares_MV.shape[-1]), dim=-1)
        asked_M1 = shares_MV.gather(1, torch.tensor(asked, device=shares_MV.device)[:, None])
        # Ids fit a double exactly, so that one transfer brings all.
        numbers_MN = torch.cat([asked_M1.double(), best.values.double(), best.indices.double()], dim=1).tolist()
        size = best.values.shape[-1]
        return Chances(
            best=tuple(tuple(zip(map(int, row[1 + size :]), row[1 : 1 + size], strict=True)) for row in numbers_MN),
            asked=tuple(row[0] for row in numbers_MN),
        )
