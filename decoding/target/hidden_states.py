"""Captures the target's last hidden states where they enter the output embeddings: nothing is computed for them.

Only a forward that is asked for them is captured, and only in its own thread.
B rows, N nodes, D hidden size, V vocabulary.
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
    """The output of a forward: logits (B, N, V), and the hidden states (B, N, D) that gave them, if captured."""

    logits_BNV: torch.Tensor
    hidden_BND: torch.Tensor | None = None

    @classmethod
    def of(cls, logits_BNV: torch.Tensor, captured: list[torch.Tensor]) -> Forward:
        """Logits with what was captured. A model that feeds its output embeddings in other shapes has no states."""
        rows, nodes = logits_BNV.shape[:2]
        if not captured or any(states.dim() != 3 or states.shape[0] != rows for states in captured):
            return cls(logits_BNV)
        hidden_BND = captured[0] if len(captured) == 1 else torch.cat(captured, dim=1)
        return cls(logits_BNV, hidden_BND[:, -nodes:]) if hidden_BND.shape[1] >= nodes else cls(logits_BNV)

    def last(self, nodes: int) -> Forward:
        """The last ``nodes`` nodes of each row; 0 means all."""
        hidden_BND = None if self.hidden_BND is None else self.hidden_BND[:, -nodes:]
        return Forward(self.logits_BNV[:, -nodes:], hidden_BND)

    def copy(self) -> Forward:
        """The same in tensors of its own."""
        return Forward(self.logits_BNV.clone(), None if self.hidden_BND is None else self.hidden_BND.clone())

    def overwrite(self, other: Forward) -> None:
        """Copy the output of another forward of the same shape into these tensors."""
        self.logits_BNV.copy_(other.logits_BNV)
        if self.hidden_BND is not None and other.hidden_BND is not None:
            self.hidden_BND.copy_(other.hidden_BND)

    def first(self, rows: int, nodes: int) -> Forward:
        """The first ``rows`` rows, of each the first ``nodes`` nodes."""
        hidden_BND = None if self.hidden_BND is None else self.hidden_BND[:rows, :nodes]
        return Forward(self.logits_BNV[:rows, :nodes], hidden_BND)


@contextlib.contextmanager
def capture_hidden_states(model: Any, *, wanted: bool) -> Iterator[list[torch.Tensor]]:
    """Collect what this thread feeds into the output embeddings of ``model`` while the context lasts, in order."""
    captured: list[torch.Tensor] = []
    if not wanted:
        yield captured
        return
    thread = threading.get_ident()

    def capture(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if threading.get_ident() == thread and inputs and isinstance(inputs[0], torch.Tensor):
            captured.append(inputs[0])

    handle = model.get_output_embeddings().register_forward_pre_hook(capture)
    try:
        yield captured
    finally:
        handle.remove()
