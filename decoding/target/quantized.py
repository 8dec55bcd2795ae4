"""int8 on a CPU: linear layers whose weights are int8, with a scale for every row of weights and of activations.

Products of whole numbers are summed in whole numbers, which no order of summing changes, and every scale belongs to
one row: what a token becomes never depends on the drafts beside it, so decoding stays exact to the bit at any tree
width. (One scale for all rows of a forward, as dynamic quantisation usually has, would not.) Scheme: W8A8 with
per-token and per-channel scales as in Yao et al. 2022 (ZeroQuant); where activations need more than seven bits they
have a second digit.

``quantize`` replaces the linear layers of any model, and whole blocks where they have Llama's shape: there the
operations between the products are fused (``row_kernels``). B batch rows, N tokens of each, T = B N, D hidden size,
O outputs, H heads, S head size, P rows of digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import nn

from decoding.errors import UnsupportedModel
from decoding.target import row_kernels
from decoding.target.attention import NAME, why_no_machine_code
from decoding.target.row_kernels import ZERO_POINT, Int8Rows

# Blocks that compute what ``Int8Block`` computes, by the names of their classes in transformers.
_LLAMA_BLOCKS: Final = frozenset({"LlamaDecoderLayer", "MistralDecoderLayer", "Qwen2DecoderLayer"})
# Models, by the types of their configurations, of which every operation rounds each token by itself once the linear
# layers are int8: their attention is ours and they have no other products. Experts and recurrent layers have.
EXACT_MODELS: Final = frozenset(
    {"gpt_neox", "granite", "llama", "mistral", "olmo2", "opt", "phi3", "qwen2", "qwen3", "smollm3"}
)
# Activations that round a number alike wherever it stands, or (silu) are replaced by one that does. Of others, such as
# gelu_pytorch_tanh, torch rounds what fills no vector in another way.
_EXACT_ACTIVATIONS: Final = frozenset({"gelu", "relu", "silu"})
# Inputs with outliers that seven bits do not carry, by the last part of a layer's name (app/DECISIONS.md has figures).
_TWO_DIGITS: Final = frozenset(
    {
        "q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value",
        "o_proj", "out_proj", "dense",
        "down_proj", "fc2", "dense_4h_to_h",
    }
)  # fmt: skip

_TOKENS: Final = tuple(5 + 6 * i % 53 for i in range(24))
# Rounding changes SmolLM2's logits by 0.12 to 0.14 of their spread, a forgotten rotation by more than half of it.
_MOST_ERROR: Final = 0.4


def has_int8() -> bool:
    """Whether this processor multiplies bytes into 32-bit sums, so that int8 is fast and never saturates."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return False
    facts: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.9 does not have it yet.
    return bool(facts.get("avx512_vnni") or facts.get("avx_vnni") or torch.cpu._is_vnni_supported())


@dataclass(frozen=True, slots=True, eq=False)
class Int8Weight:
    """A weight (O, D) in int8 by rows, laid out for the processor's dot products."""

    packed: torch.Tensor
    scales_O: torch.Tensor
    zero_points_O: torch.Tensor

    @classmethod
    def of(cls, weights_OD: Sequence[torch.Tensor]) -> Int8Weight:
        """Of one or several matrices, one below the other."""
        scales, values = [], []
        for weight_OD in weights_OD:
            weight_OD = weight_OD.detach().float()
            scale_O = weight_OD.abs().amax(1) / 127
            scale_O[scale_O == 0] = 1
            scales.append(scale_O)
            values.append((weight_OD / scale_O[:, None]).round_().to(torch.int8))
        packed = torch.ops.onednn.qlinear_prepack(torch.cat(values), None)
        scales_O = torch.cat(scales)
        return cls(packed, scales_O, torch.zeros(len(scales_O), dtype=torch.int64))

    def products(self, rows: Int8Rows) -> torch.Tensor:
        """(P, O) float32: each row of digits by the weights; the scales of the rows are still to be applied."""
        products_PO: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            rows.digits_PD, 1.0, ZERO_POINT, self.packed, self.scales_O, self.zero_points_O,
            None, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return products_PO


class Int8Linear(nn.Module):
    """A linear layer with int8 weights. ``digits``: 1, or 2 for activations that need some 15 bits."""

    def __init__(self, linear: nn.Linear, *, digits: int = 1) -> None:
        super().__init__()
        self.in_features, self.out_features, self.digits = linear.in_features, linear.out_features, digits
        self.int8 = Int8Weight.of([linear.weight])
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., D) to (..., O), in the type of the input."""
        x_TD = x.reshape(-1, self.in_features).float().contiguous()
        rows = row_kernels.quantized(x_TD, digits=self.digits)
        bias_O = None if self.bias is None else self.bias.float()
        out_TO = row_kernels.finished(self.int8.products(rows), rows.scales_N, bias_O=bias_O)
        return out_TO.view(*x.shape[:-1], self.out_features).to(x.dtype)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, digits={self.digits}"


class Int8Block(nn.Module):
    """A block of Llama's shape: attention and a gated MLP, each behind a norm, with four int8 products."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        attention, mlp = block.self_attn, block.mlp
        # What attention functions read: scaling, groups, causality, the layer's number.
        self.self_attn = attention
        projections = [attention.q_proj, attention.k_proj, attention.v_proj]
        self.head_size: int = attention.head_dim
        self.heads = attention.q_proj.out_features // self.head_size
        self.kv_heads = attention.k_proj.out_features // self.head_size
        self.qkv, self.qkv_bias = Int8Weight.of([one.weight for one in projections]), _joined_bias(projections)
        self.output, self.output_bias = Int8Weight.of([attention.o_proj.weight]), _joined_bias([attention.o_proj])
        self.gate_up = Int8Weight.of([mlp.gate_proj.weight, mlp.up_proj.weight])
        self.down = Int8Weight.of([mlp.down_proj.weight])
        self.input_norm, self.mlp_norm = _Norm.of(block.input_layernorm), _Norm.of(block.post_attention_layernorm)
        self.attention_type = getattr(block, "attention_type", "full_attention")
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            delattr(attention, name)

    @classmethod
    def fits(cls, block: Any) -> bool:
        """Whether a block computes just this."""
        kind = type(block)
        # A model that brings its own code may call anything a Llama's block.
        if kind.__name__ not in _LLAMA_BLOCKS or not kind.__module__.startswith("transformers."):
            return False
        attention, mlp = block.self_attn, block.mlp
        linears = [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj]
        linears += [mlp.gate_proj, mlp.up_proj, mlp.down_proj]
        is_plain = all(type(linear) is nn.Linear for linear in linears)
        gates = [mlp.gate_proj.bias, mlp.up_proj.bias, mlp.down_proj.bias]
        return is_plain and all(bias is None for bias in gates) and _is_silu(mlp.act_fn)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = False,
        position_embeddings: tuple[torch.Tensor, torch.Tensor] | None = None,
        cache: Any = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """(B, N, D) to (B, N, D), by the same arguments as the block of transformers, whose cache has had two names."""
        assert position_embeddings is not None
        batch, tokens, size = hidden_states.shape
        hidden_TD = hidden_states.reshape(-1, size).contiguous()
        rows = self.input_norm(hidden_TD, digits=2)
        qkv_TO = row_kernels.finished(self.qkv.products(rows), rows.scales_N, bias_O=self.qkv_bias)
        cosines_TS, sines_TS = (_per_token(table, batch, tokens) for table in position_embeddings)
        turned = self.heads + self.kv_heads
        row_kernels.rotate(qkv_TO, cosines_TS, sines_TS, heads=turned, size=self.head_size)
        qkv_BHNS = qkv_TO.view(batch, tokens, -1, self.head_size).transpose(1, 2)
        keys_BHKS, values_BHKS = qkv_BHNS[:, self.heads : turned], qkv_BHNS[:, turned:]
        attention = self.self_attn
        cache = past_key_values if cache is None else cache
        if cache is not None:
            keys_BHKS, values_BHKS = cache.update(keys_BHKS, values_BHKS, attention.layer_idx)
        attended_BNHS, _ = _attention_function(attention)(
            attention, qkv_BHNS[:, : self.heads], keys_BHKS, values_BHKS, attention_mask,
            dropout=0.0, scaling=attention.scaling, **self._window(), **kwargs,
        )  # fmt: skip
        rows = row_kernels.quantized(attended_BNHS.reshape(batch * tokens, -1).contiguous(), digits=2)
        hidden_TD = row_kernels.finished(
            self.output.products(rows), rows.scales_N, bias_O=self.output_bias, plus_NO=hidden_TD
        )
        rows = self.mlp_norm(hidden_TD, digits=1)
        rows = row_kernels.gated(self.gate_up.products(rows), rows.scales_N, digits=2)
        hidden_TD = row_kernels.finished(self.down.products(rows), rows.scales_N, plus_NO=hidden_TD)
        return hidden_TD.view(batch, tokens, size)

    def _window(self) -> dict[str, Any]:
        """The window where the model's own block hands one to its attention function."""
        window = getattr(self.self_attn, "sliding_window", None)
        return {} if window is None else {"sliding_window": window}


@dataclass(frozen=True, slots=True, eq=False)
class _Norm:
    weight_D: torch.Tensor
    epsilon: float

    @classmethod
    def of(cls, norm: Any) -> _Norm:
        return cls(norm.weight.detach().to(torch.float32, copy=True), float(norm.variance_epsilon))

    def __call__(self, x_TD: torch.Tensor, *, digits: int) -> Int8Rows:
        return row_kernels.normed(x_TD, self.weight_D, epsilon=self.epsilon, digits=digits)


class _Silu(nn.Module):
    """``x * sigmoid(x)``, rounded alike wherever a number stands.

    torch's own rounds the numbers at the end of a thread's share, which fill no vector, in another way than the rest;
    its ``exp`` does not.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / (1 + torch.exp(-x))


def quantize(model: Any) -> Any:
    """Replace a model's linear layers, its output embeddings too, by int8 ones, in place; the rest becomes float32.

    Raises UnsupportedModel where the processor has no dot products of bytes, and for a model whose logits become
    others: each later check compares int8 with int8.
    """
    require_int8()
    with torch.no_grad():
        before_NV = _centred_logits(model)
        _quantize_children(model)
        for parameter in model.parameters():
            # A copy: what is left of the weights must not keep the whole file in memory.
            parameter.data = parameter.data.to(torch.float32, copy=True)
        error = float((_centred_logits(model) - before_NV).std() / before_NV.std())
    if not error < _MOST_ERROR:
        raise UnsupportedModel(
            f"int8 changes this model's logits by {error:.2f} of their spread", hint="use --dtype bfloat16 or float32"
        )
    return model


def _centred_logits(model: Any) -> torch.Tensor:
    """(N, V) float32 logits after a few tokens; a constant added to a row means nothing."""
    ids_1N = torch.tensor([_TOKENS]) % model.config.get_text_config().vocab_size
    try:
        logits_NV = model(input_ids=ids_1N, use_cache=False).logits[0].float()
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise UnsupportedModel(f"its forward fails in int8: {reason}", hint="use --dtype float32") from error
    centred_NV: torch.Tensor = logits_NV - logits_NV.mean(dim=1, keepdim=True)
    return centred_NV


def require_int8(device: str = "cpu") -> None:
    """Raise UnsupportedModel for another device than a CPU, and where that has no dot products of bytes or no machine
    code for what is between them.
    """
    if torch.device(device).type != "cpu":
        raise UnsupportedModel("int8 is made for CPUs", hint="use --device cpu, or on a GPU --dtype bfloat16")
    if not has_int8():
        raise UnsupportedModel(
            "int8 needs a processor with dot products of bytes (VNNI), which this one lacks",
            hint="use --dtype bfloat16 or float32",
        )
    if reason := why_no_machine_code():
        raise UnsupportedModel(
            f"int8 needs machine code, and {reason}",
            hint="put numba right (python -c 'import numba' says more), or use --dtype bfloat16 or float32",
        )


def is_int8(model: nn.Module) -> bool:
    """Whether ``quantize`` has been here."""
    return any(isinstance(module, Int8Linear | Int8Block) for module in model.modules())


def is_exact(model: Any) -> bool:
    """Whether a token becomes the same, bit for bit, whatever else is in a forward: after ``quantize``, in models that
    are known for it.
    """
    config = model.config.get_text_config()
    return is_int8(model) and not why_not_exact(config) and config._attn_implementation == NAME


def why_not_exact(config: Any) -> str:
    """What keeps a model of this configuration from being known as exact in int8; empty if nothing does."""
    if config.model_type not in EXACT_MODELS:
        return f"models of the type {config.model_type}"
    activation = getattr(config, "hidden_act", None) or getattr(config, "activation_function", None)
    return "" if activation in _EXACT_ACTIVATIONS else f"models with the activation {activation}"


def _quantize_children(parent: nn.Module) -> None:
    for name, child in parent.named_children():
        if Int8Block.fits(child):
            setattr(parent, name, Int8Block(child))
        elif type(child) is nn.Linear:
            setattr(parent, name, Int8Linear(child, digits=2 if name in _TWO_DIGITS else 1))
        elif _is_silu(child):
            setattr(parent, name, _Silu())
        else:
            _quantize_children(child)


def _joined_bias(linears: Sequence[nn.Linear]) -> torch.Tensor | None:
    if all(linear.bias is None for linear in linears):
        return None
    zeros = [torch.zeros(linear.out_features) if linear.bias is None else linear.bias for linear in linears]
    return torch.cat([bias.detach().float() for bias in zeros])


def _per_token(table: torch.Tensor, batch: int, tokens: int) -> torch.Tensor:
    """(T, S) of a rotary table (1, N, S) or (B, N, S)."""
    return table.expand(batch, tokens, -1).reshape(batch * tokens, -1).float().contiguous()


def _attention_function(attention: Any) -> Any:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    return ALL_ATTENTION_FUNCTIONS[attention.config._attn_implementation]


def _is_silu(function: object) -> bool:
    from transformers.activations import SiLUActivation

    return isinstance(function, nn.SiLU | SiLUActivation)
