"""What the target said about a tree: logits after each node, brought to the host only as far as they are asked for.

Greedy choice needs one id a node, a processor the whole row; on a GPU the difference is megabytes a step.
N tree nodes, D hidden size, V vocabulary.
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
    """The likeliest token after every node of every row of a forward, in one transfer: the one wait of a step."""

    def __init__(self, logits_BNV: torch.Tensor) -> None:
        self._logits_BNV = logits_BNV
        self._found_BN: list[list[int]] | None = None

    def of(self, row: int) -> list[int]:
        """(N) token ids of a row, -1 where there is none."""
        if self._found_BN is None:
            best = self._logits_BNV.max(-1)
            # NaN is the maximum of a row that has it, so the same transfer tells of it.
            self._found_BN = torch.where(best.values > -torch.inf, best.indices, _NONE).tolist()
        return self._found_BN[row]


@dataclass(frozen=True, slots=True)
class Chances:
    """What a model holds likely after some nodes: the best tokens with their chances, and the chance of one token."""

    best: tuple[tuple[tuple[int, float], ...], ...]
    asked: tuple[float, ...]


class TreeLogits:
    """Logits (N, V) on the target's device. One transfer serves all nodes of a kind of question.

    On a GPU a transfer waits for the device, so greedy choices of all rows share ``likeliest``; on a CPU a row asks
    for itself alone. There the root stands at node ``first`` of row ``row``. ``hidden_ND`` are the last hidden states
    that the logits were made of, where the target keeps them.
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
        """(V) logits after ``node``, at least float32, the caller's own to change."""
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
        found: NDArray[np.int64] = self._logits_NV.topk(min(k, self._logits_NV.shape[-1]), dim=-1).indices.cpu().numpy()
        return found

    @torch.inference_mode()
    def chances(self, nodes: Sequence[int], asked: Sequence[int], *, k: int, below: int | None = None) -> Chances:
        """After each of ``nodes`` the ``k`` likeliest tokens, best first, and the chance of the token ``asked`` there.

        Computed where the logits are: what is brought to the host does not depend on the vocabulary. ``below``: of
        the ids below it alone.
        """
        rows_MV = self._logits_NV[torch.tensor(nodes, device=self._logits_NV.device), :below]
        shares_MV = rows_MV.softmax(-1, dtype=torch.float64 if rows_MV.dtype is torch.float64 else torch.float32)
        best = shares_MV.topk(min(k, shares_MV.shape[-1]), dim=-1)
        asked_M1 = shares_MV.gather(1, torch.tensor(asked, device=shares_MV.device)[:, None])
        # Ids fit a double exactly, so that one transfer brings all.
        found = torch.cat([asked_M1.double(), best.values.double(), best.indices.double()], dim=1).tolist()
        size = best.values.shape[-1]
        return Chances(
            best=tuple(tuple(zip(map(int, row[1 + size :]), row[1 : 1 + size], strict=True)) for row in found),
            asked=tuple(row[0] for row in found),
        )
