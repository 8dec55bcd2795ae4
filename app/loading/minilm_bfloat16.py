"""The layers of the bundled encoder in bfloat16, for processors that multiply it several times as fast as float32.

The products' weights are laid out for the processor once; bias, residual and activation are computed as a product is
written. Texts attend in tiles of whole height, which is twice as fast (``_TILE``). Norms are torch's own. Knows neither
texts nor pooling. B texts, N pieces, W pieces with those that fill the last tile, T = B N, D hidden, H heads, d head
size.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn.functional import layer_norm, linear, scaled_dot_product_attention

_EPSILON: Final = 1e-12
_MASKED: Final = -1e4
# Rows of a tile of the processor: torch's attention over 30 pieces takes 3.1 microseconds a piece, over 32 only 1.2.
_TILE: Final = 16
# A product of the encoder's own size: 0.3 TFLOP/s in float32 on two cores take 4 ms for it.
_ROWS, _INPUTS, _OUTPUTS = 1024, 384, 1536
_TRIES: Final = 3
_WORTH_IT: Final = 1.3


def bfloat16_pays() -> bool:
    """Whether this processor is clearly faster in bfloat16.

    Tile instructions (AMX) always are. Dot products alone are on some processors and slower than float32 on others, so
    that they are tried, in a few milliseconds.
    """
    facts: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.9 does not have it yet.
    if not has_packed_products() or not facts.get("avx512_bf16"):
        return False
    return bool(facts.get("amx_bf16")) or _took_s(torch.float32) > _WORTH_IT * _took_s(torch.bfloat16)


def has_packed_products() -> bool:
    """Whether torch has products by weights that are laid out for the processor."""
    is_available: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return is_available


@torch.inference_mode()
def _took_s(dtype: torch.dtype) -> float:
    rows, weights = torch.ones(_ROWS, _INPUTS, dtype=dtype), torch.ones(_OUTPUTS, _INPUTS, dtype=dtype)
    took_s = []
    for _ in range(_TRIES + 1):
        began_s = time.perf_counter()
        linear(rows, weights)
        took_s.append(time.perf_counter() - began_s)
    return min(took_s[1:])


class Bfloat16Layers:
    """The layers behind the embeddings. Any number of threads."""

    def __init__(self, weights: Mapping[str, torch.Tensor], *, layers: int, heads: int) -> None:
        """Of float32 weights by their names in BERT's files."""
        self._heads = heads
        self._layers = [_Layer.of(weights, f"encoder.layer.{number}.") for number in range(layers)]

    def states(self, embedded_BND: torch.Tensor, mask_BN: torch.Tensor) -> torch.Tensor:
        """(B, N, D) float32 states behind the last layer, of float32 ones; 0 in the mask is padding."""
        rows, width, hidden = embedded_BND.shape
        size, tiled = hidden // self._heads, -(-width // _TILE) * _TILE
        bias_BW = torch.full((rows, tiled), _MASKED, dtype=torch.bfloat16)
        bias_BW[:, :width].masked_fill_(mask_BN != 0, 0.0)
        bias_B1WW = bias_BW[:, None, None, :].expand(rows, 1, tiled, tiled) if bool(bias_BW.any()) else None
        parts_BWO = torch.zeros(rows, tiled, 3 * hidden, dtype=torch.bfloat16)
        states_TD = embedded_BND.to(torch.bfloat16).view(-1, hidden)
        for layer in self._layers:
            parts_BWO[:, :width] = layer.reading(states_TD).view(rows, width, -1)
            parts_3BHWd = parts_BWO.view(rows, tiled, 3, self._heads, size).permute(2, 0, 3, 1, 4)
            query_BHWd, key_BHWd, value_BHWd = parts_3BHWd.unbind()
            read_BHWd = scaled_dot_product_attention(query_BHWd, key_BHWd, value_BHWd, attn_mask=bias_B1WW)
            read_TD = read_BHWd.transpose(1, 2)[:, :width].reshape(-1, hidden)
            states_TD = layer.attended(layer.writing(read_TD, plus_TO=states_TD))
            inner = layer.up(states_TD, activation="gelu")
            states_TD = layer.fed(layer.down(inner, plus_TO=states_TD))
        return states_TD.float().view(rows, width, hidden)


@dataclass(frozen=True, slots=True, eq=False)
class _Product:
    """A linear layer: its weight as the processor wants it, and its bias."""

    packed: torch.Tensor
    bias_O: torch.Tensor

    @classmethod
    def of(cls, weights: Mapping[str, torch.Tensor], *names: str) -> _Product:
        """Of one layer or of several side by side."""
        weight_OD = torch.cat([weights[f"{name}.weight"] for name in names]).to(torch.bfloat16)
        bias_O = torch.cat([weights[f"{name}.bias"] for name in names]).to(torch.bfloat16)
        return cls(torch.ops.mkldnn._reorder_linear_weight(weight_OD, _ROWS), bias_O)

    def __call__(
        self, x_TD: torch.Tensor, *, plus_TO: torch.Tensor | None = None, activation: str = "none"
    ) -> torch.Tensor:
        """(T, O); ``plus_TO`` is added to it, or the ``activation`` taken of it."""
        multiply = torch.ops.mkldnn._linear_pointwise
        if plus_TO is None:
            plain_TO: torch.Tensor = multiply(x_TD, self.packed, self.bias_O, activation, [], "none")
            return plain_TO
        sum_TO: torch.Tensor = multiply.binary(x_TD, plus_TO, self.packed, self.bias_O, "add")
        return sum_TO


@dataclass(frozen=True, slots=True, eq=False)
class _Norm:
    weight_D: torch.Tensor
    bias_D: torch.Tensor

    @classmethod
    def of(cls, weights: Mapping[str, torch.Tensor], name: str) -> _Norm:
        weight_D, bias_D = (weights[f"{name}.{part}"].to(torch.bfloat16) for part in ("weight", "bias"))
        return cls(weight_D, bias_D)

    def __call__(self, x_TD: torch.Tensor) -> torch.Tensor:
        return layer_norm(x_TD, self.weight_D.shape, self.weight_D, self.bias_D, _EPSILON)


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    reading: _Product
    writing: _Product
    attended: _Norm
    up: _Product
    down: _Product
    fed: _Norm

    @classmethod
    def of(cls, weights: Mapping[str, torch.Tensor], name: str) -> _Layer:
        reading: Sequence[str] = [f"{name}attention.self.{part}" for part in ("query", "key", "value")]
        return cls(
            reading=_Product.of(weights, *reading),
            writing=_Product.of(weights, f"{name}attention.output.dense"),
            attended=_Norm.of(weights, f"{name}attention.output.LayerNorm"),
            up=_Product.of(weights, f"{name}intermediate.dense"),
            down=_Product.of(weights, f"{name}output.dense"),
            fed=_Norm.of(weights, f"{name}output.LayerNorm"),
        )
