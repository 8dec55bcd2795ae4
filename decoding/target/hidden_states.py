"""The target's last hidden states, taken on their way into the output embeddings: nothing is computed for them.

Only a forward that is asked for them is listened to, and in its own thread. B rows, N nodes, D hidden size,
V vocabulary.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Forward:
    """What a forward gave: logits (B, N, V), and the states that they were made of (B, N, D) if they were asked for."""

    logits_BNV: torch.Tensor
    hidden_BND: torch.Tensor | None = None

    @classmethod
    def of(cls, logits_BNV: torch.Tensor, heard: list[torch.Tensor]) -> Forward:
        """Logits with what was heard meanwhile. A model that feeds its output matrix in other shapes has no states."""
        rows, nodes = logits_BNV.shape[:2]
        if not heard or any(one.dim() != 3 or one.shape[0] != rows for one in heard):
            return cls(logits_BNV)
        hidden_BND = heard[0] if len(heard) == 1 else torch.cat(heard, dim=1)
        return cls(logits_BNV, hidden_BND[:, -nodes:]) if hidden_BND.shape[1] >= nodes else cls(logits_BNV)

    def last(self, nodes: int) -> Forward:
        """The last ``nodes`` nodes of each row; 0 means all."""
        hidden_BND = None if self.hidden_BND is None else self.hidden_BND[:, -nodes:]
        return Forward(self.logits_BNV[:, -nodes:], hidden_BND)

    def copy(self) -> Forward:
        """The same in tensors of its own."""
        return Forward(self.logits_BNV.clone(), None if self.hidden_BND is None else self.hidden_BND.clone())

    def take(self, found: Forward) -> None:
        """Write what another forward gave over this."""
        self.logits_BNV.copy_(found.logits_BNV)
        if self.hidden_BND is not None and found.hidden_BND is not None:
            self.hidden_BND.copy_(found.hidden_BND)

    def first(self, rows: int, nodes: int) -> Forward:
        """The first ``rows`` rows, of each the first ``nodes`` nodes."""
        hidden_BND = None if self.hidden_BND is None else self.hidden_BND[:rows, :nodes]
        return Forward(self.logits_BNV[:rows, :nodes], hidden_BND)


@contextlib.contextmanager
def capture_hidden_states(model: Any, *, wanted: bool) -> Iterator[list[torch.Tensor]]:
    """For the time of a forward, what this thread feeds into the output embeddings of ``model``, in order."""
    heard: list[torch.Tensor] = []
    if not wanted:
        yield heard
        return
    thread = threading.get_ident()

    def hear(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread and inputs and isinstance(inputs[0], torch.Tensor):
            heard.append(inputs[0])

    handle = model.get_output_embeddings().register_forward_pre_hook(hear)
    try:
        yield heard
    finally:
        handle.remove()
