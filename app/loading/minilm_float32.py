"""The layers of the bundled encoder in float32: bit-equal to transformers' ``BertModel`` (Devlin et al. 2018).

Knows neither texts nor pooling. B texts, N pieces, D hidden, H heads, d head size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

EPSILON: Final = 1e-12


class Float32Layers:
    """The layers behind the embeddings, and their norms. Any number of threads."""

    def __init__(self, weights: Mapping[str, torch.Tensor], *, layers: int, heads: int) -> None:
        """Of weights by their names in BERT's files, which are not copied."""
        self._weights = weights
        self._layers, self._heads = layers, heads

    def states(self, embedded_BND: torch.Tensor, mask_BN: torch.Tensor) -> torch.Tensor:
        """(B, N, D) states behind the last layer; 0 in the mask is padding."""
        rows, width, _ = embedded_BND.shape
        mask_B1NN = None if bool(mask_BN.all()) else mask_BN.bool()[:, None, None, :].expand(rows, 1, width, width)
        states_BND = embedded_BND
        for layer in range(self._layers):
            states_BND = self._layer(states_BND, mask_B1NN, f"encoder.layer.{layer}.")
        return states_BND

    def norm(self, states: torch.Tensor, name: str) -> torch.Tensor:
        """States as the norm of that name has them."""
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return layer_norm(states, weight.shape, weight, bias, EPSILON)

    def _layer(self, states_BND: torch.Tensor, mask_B1NN: torch.Tensor | None, name: str) -> torch.Tensor:
        rows, width, hidden = states_BND.shape
        query_BHNd, key_BHNd, value_BHNd = (
            self._linear(states_BND, f"{name}attention.self.{part}")
            .view(rows, width, self._heads, hidden // self._heads)
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scale = (hidden // self._heads) ** -0.5
        read_BHNd = scaled_dot_product_attention(query_BHNd, key_BHNd, value_BHNd, attn_mask=mask_B1NN, scale=scale)
        read_BND = read_BHNd.transpose(1, 2).contiguous().reshape(rows, width, hidden)
        attended_BND = self._linear(read_BND, f"{name}attention.output.dense")
        states_BND = self.norm(attended_BND + states_BND, f"{name}attention.output.LayerNorm")
        inner = gelu(self._linear(states_BND, f"{name}intermediate.dense"))
        return self.norm(self._linear(inner, f"{name}output.dense") + states_BND, f"{name}output.LayerNorm")

    def _linear(self, states: torch.Tensor, name: str) -> torch.Tensor:
        return linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])
