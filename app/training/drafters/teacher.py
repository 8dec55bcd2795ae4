"""A frozen target that drafters learn from: its last hidden states and what it says, without gradients.

Knows causal LMs of transformers with an output matrix on their last hidden state. Must not know objectives. Rows are
right-padded and attention is causal, so padding needs no mask.

Shapes: B rows, N tokens a row, D hidden, V vocabulary, P positions (flat index into B x N).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.training.errors import DataMissingError


class Teacher:
    """One target, frozen. It is not sent to processes that only make batches: there it is None."""

    def __init__(self, model: Any) -> None:
        self.model = model
        model.eval()
        model.requires_grad_(False)
        self.output = model.get_output_embeddings()
        self.vocabulary: int = self.output.weight.shape[0]
        self.hidden: int = self.output.weight.shape[1]
        ends = model.generation_config.eos_token_id
        self.eos_ids = frozenset(() if ends is None else (ends,) if isinstance(ends, int) else ends)

    @classmethod
    def load(cls, folder: Path, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.bfloat16) -> Teacher:
        """Load a target's folder. Raises DataMissingError."""
        from transformers import AutoModelForCausalLM

        if not (folder / "config.json").is_file():
            raise DataMissingError(
                f"there is no target at {folder}",
                hint="Drafters learn from a finished target: train it first, or name its folder with --target.",
            )
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
        return cls(torch.nn.Module.to(model, torch.device(device)))

    @torch.no_grad()
    def hidden_at(self, tokens_BN: Tensor, position_P: Tensor) -> Tensor:
        """Last hidden states, (P, D): what the output matrix is applied to."""
        hidden_BND: Tensor = self.model.base_model(input_ids=tokens_BN, use_cache=False).last_hidden_state
        return hidden_BND.flatten(0, 1)[position_P]

    @torch.no_grad()
    def logits_at(self, tokens_BN: Tensor, position_P: Tensor) -> Tensor:
        """What the target says behind those positions, (P, V) in float32."""
        logits_PV: Tensor = self.output(self.hidden_at(tokens_BN, position_P))
        return logits_PV.float()

    def __reduce__(self) -> tuple[Any, ...]:
        return _absent, ()


def _absent() -> None:
    """What a process that only makes batches has in its place."""
