"""What the target said about a tree: logits after each node, brought to the host only as far as they are asked for.

Greedy choice needs one id a node, a processor the whole row; on a GPU the difference is megabytes a step.
N tree nodes, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


class TreeLogits:
    """Logits (N, V) on the target's device. One transfer serves all nodes of a kind of question."""

    def __init__(self, logits_NV: torch.Tensor, tokens: Sequence[int]) -> None:
        self._logits_NV = logits_NV
        self._tokens = tuple(tokens)
        self._greedy_N: list[int] | None = None
        self._host_NV: NDArray[np.floating] | None = None

    @property
    def tokens(self) -> Sequence[int]:
        """(N) ids of the nodes, the root first."""
        return self._tokens

    def greedy(self, node: int) -> int:
        """The likeliest token after ``node``, the first of equals."""
        if self._greedy_N is None:
            self._greedy_N = self._logits_NV.argmax(-1).tolist()
        return self._greedy_N[node]

    def row(self, node: int) -> NDArray[np.floating]:
        """(V) logits after ``node``, at least float32, the caller's own to change."""
        if self._host_NV is None:
            wide_NV = self._logits_NV if self._logits_NV.dtype is torch.float64 else self._logits_NV.float()
            self._host_NV = wide_NV.cpu().numpy()
        row_V: NDArray[np.floating] = self._host_NV[node].copy()
        return row_V

    @torch.inference_mode()
    def top(self, k: int) -> NDArray[np.int64]:
        """(N, k) likeliest next tokens after each node before processors, best first."""
        found: NDArray[np.int64] = self._logits_NV.topk(min(k, self._logits_NV.shape[-1]), dim=-1).indices.cpu().numpy()
        return found
