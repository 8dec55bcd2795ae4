"""The bundled encoder that reads question and unit together, while the changes to it are learned.

Its weights stay as they are, in bfloat16; each linear layer learns a change of low rank (Hu et al. 2021), each norm and
bias its own. P pairs, N pieces, T = P N, D hidden, H heads, O outputs, R rank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, layer_norm, linear

from app.loading.minilm import HEADS, LAYERS
from app.loading.minilm_float32 import EPSILON

_MASKED: Final = -1e4


class LoraLinear(nn.Module):
    """A linear layer of fixed weights with a change of low rank: LoRA's B is ``up_OR``, its A ``down_RD``."""

    def __init__(self, weight_OD: Tensor, bias_O: Tensor, rank: int) -> None:
        super().__init__()
        outputs, inputs = weight_OD.shape
        self.weight_OD: Tensor
        self.register_buffer("weight_OD", weight_OD.to(torch.bfloat16), persistent=False)
        self.bias_O = nn.Parameter(bias_O.clone())
        self.down_RD = nn.Parameter(torch.randn(rank, inputs) / math.sqrt(inputs))
        self.up_OR = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x_TD: Tensor) -> Tensor:
        """(T, O)."""
        fixed_TO = linear(x_TD, self.weight_OD, self.bias_O.to(torch.bfloat16))
        inner_TR = linear(x_TD, self.down_RD.to(torch.bfloat16))
        return fixed_TO + linear(inner_TR, self.up_OR.to(torch.bfloat16))


class Norm(nn.Module):
    """A norm over the hidden states."""

    def __init__(self, weight_D: Tensor, bias_D: Tensor) -> None:
        super().__init__()
        self.weight_D, self.bias_D = nn.Parameter(weight_D.clone()), nn.Parameter(bias_D.clone())

    def forward(self, x_TD: Tensor) -> Tensor:
        """(T, D)."""
        weight, bias = self.weight_D.to(torch.bfloat16), self.bias_D.to(torch.bfloat16)
        return layer_norm(x_TD, self.weight_D.shape, weight, bias, EPSILON)


class Layer(nn.Module):
    """Attention and feed-forward."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, rank: int) -> None:
        super().__init__()
        reading = [f"{name}attention.self.{part}" for part in ("query", "key", "value")]
        self.reading = _changed(weights, rank, *reading)
        self.writing = _changed(weights, rank, f"{name}attention.output.dense")
        self.attended = _norm(weights, f"{name}attention.output.LayerNorm")
        self.up = _changed(weights, rank, f"{name}intermediate.dense")
        self.down = _changed(weights, rank, f"{name}output.dense")
        self.fed = _norm(weights, f"{name}output.LayerNorm")

    def forward(self, states_TD: Tensor, bias_P11N: Tensor, pairs: int) -> Tensor:
        """(T, D)."""
        hidden = states_TD.shape[-1]
        size = hidden // HEADS
        parts = self.reading(states_TD).view(pairs, -1, 3, HEADS, size).permute(2, 0, 3, 1, 4)
        query_PHNd, key_PHNd, value_PHNd = parts.unbind()
        # Written out: torch's own attention takes ten times as long backward, with heads of this size on processors.
        weight_PHNN = (query_PHNd * size**-0.5 @ key_PHNd.transpose(-1, -2) + bias_P11N).softmax(dim=-1)
        read_TD = (weight_PHNN @ value_PHNd).transpose(1, 2).reshape(-1, hidden)
        states_TD = self.attended(self.writing(read_TD) + states_TD)
        fed: Tensor = self.fed(self.down(gelu(self.up(states_TD))) + states_TD)
        return fed


class CrossNetwork(nn.Module):
    """Scores pairs; only what changes is in its state."""

    def __init__(self, weights: Mapping[str, Tensor], rank: int, head: int = 192) -> None:
        super().__init__()
        self.words_VD: Tensor
        self.register_buffer("words_VD", weights["embeddings.word_embeddings.weight"], persistent=False)
        self.places_ND: Tensor
        self.register_buffer("places_ND", weights["embeddings.position_embeddings.weight"], persistent=False)
        self.sides_2D = nn.Parameter(weights["embeddings.token_type_embeddings.weight"].clone())
        self.embedded = _norm(weights, "embeddings.LayerNorm")
        self.layers = nn.ModuleList(Layer(weights, f"encoder.layer.{each}.", rank) for each in range(LAYERS))
        hidden = self.words_VD.shape[1]
        self.head = nn.Linear(2 * hidden, head)
        self.last = nn.Linear(head, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.constant_(self.last.bias, -1.0)

    def forward(self, ids_PN: Tensor, sides_PN: Tensor, mask_PN: Tensor) -> Tensor:
        """(P,) scores; 0 in the mask is padding."""
        pairs, width = ids_PN.shape
        states_PND = embedding(ids_PN, self.words_VD) + self.places_ND[:width] + embedding(sides_PN, self.sides_2D)
        states_TD = self.embedded(states_PND.to(torch.bfloat16).view(pairs * width, -1))
        bias_PN = torch.zeros(pairs, width, dtype=torch.bfloat16).masked_fill_(mask_PN == 0, _MASKED)
        bias_P11N = bias_PN[:, None, None, :]
        for layer in self.layers:
            states_TD = layer(states_TD, bias_P11N, pairs)
        states_PND = states_TD.view(pairs, width, -1)
        weight_PN1 = mask_PN.to(torch.bfloat16).unsqueeze(-1)
        mean_PD = (states_PND * weight_PN1).sum(dim=1).float() / mask_PN.sum(dim=1, keepdim=True)
        read_PE = torch.cat([states_PND[:, 0].float(), mean_PD], dim=1)
        scores_P: Tensor = self.last(gelu(self.head(read_PE)))[:, 0]
        return scores_P


def _changed(weights: Mapping[str, Tensor], rank: int, *names: str) -> LoraLinear:
    weight_OD = torch.cat([weights[f"{name}.weight"] for name in names])
    return LoraLinear(weight_OD, torch.cat([weights[f"{name}.bias"] for name in names]), rank)


def _norm(weights: Mapping[str, Tensor], name: str) -> Norm:
    return Norm(weights[f"{name}.weight"], weights[f"{name}.bias"])
