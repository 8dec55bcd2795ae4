"""Tiny random models that cannot verify trees, in float64: recurrent, hybrid, convolutional, attention in blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers as hf

from tests.support.fakes import VOCABULARY

_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
    "initializer_range": 0.4,
}
_ATTENTION: dict[str, Any] = {
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
}
_MAMBA_2: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_n_groups": 2,
    "mamba_d_state": 8,
    "mamba_chunk_size": 4,
}
_EXPERTS: dict[str, Any] = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
}
_DELTA_NET: dict[str, Any] = {
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
_EVERY_SECOND = ["linear_attention", "full_attention"] * 2
_GRIFFIN = {key: value for key, value in _SHAPE.items() if key != "initializer_range"}

_MODELS: dict[str, Callable[[], Any]] = {
    "mamba": lambda: hf.MambaForCausalLM(hf.MambaConfig(**_SHAPE, state_size=8)),
    "mamba2": lambda: hf.Mamba2ForCausalLM(
        hf.Mamba2Config(**_SHAPE, state_size=8, num_heads=8, head_dim=8, n_groups=2, chunk_size=4)
    ),
    "falcon_mamba": lambda: hf.FalconMambaForCausalLM(hf.FalconMambaConfig(**_SHAPE, state_size=8)),
    "falcon_h1": lambda: hf.FalconH1ForCausalLM(hf.FalconH1Config(**_SHAPE, **_ATTENTION, **_MAMBA_2, mamba_d_ssm=64)),
    "bamba": lambda: hf.BambaForCausalLM(hf.BambaConfig(**_SHAPE, **_ATTENTION, **_MAMBA_2, attn_layer_indices=[1, 3])),
    "jamba": lambda: hf.JambaForCausalLM(
        hf.JambaConfig(**_SHAPE, **_ATTENTION, mamba_d_state=8, attn_layer_period=2, attn_layer_offset=1, num_experts=4)
    ),
    "qwen3_next": lambda: hf.Qwen3NextForCausalLM(
        hf.Qwen3NextConfig(**_SHAPE, **_ATTENTION, **_DELTA_NET, **_EXPERTS, head_dim=8, layer_types=_EVERY_SECOND)
    ),
    "lfm2": lambda: hf.Lfm2ForCausalLM(
        hf.Lfm2Config(**_SHAPE, **_ATTENTION, layer_types=["conv", "full_attention"] * 2, block_multiple_of=8)
    ),
    "recurrent_gemma": lambda: hf.RecurrentGemmaForCausalLM(
        hf.RecurrentGemmaConfig(
            **_GRIFFIN,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=48,
            attention_window_size=12,
            lru_width=32,
            w_init_variance_scale=4.0,
        )
    ),
    "llama4": lambda: hf.Llama4ForCausalLM(
        hf.Llama4TextConfig(
            **_SHAPE, **_ATTENTION, head_dim=8, attention_chunk_size=12, num_local_experts=2, intermediate_size_mlp=32
        )
    ),
    "gpt_neo": lambda: hf.GPTNeoForCausalLM(
        hf.GPTNeoConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
            window_size=40,
            max_position_embeddings=256,
            initializer_range=0.4,
            bos_token_id=None,
            eos_token_id=None,
        )
    ),
    "bloom": lambda: hf.BloomForCausalLM(
        hf.BloomConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            n_layer=2,
            n_head=4,
            initializer_range=0.4,
            bos_token_id=None,
            eos_token_id=None,
        )
    ),
    "minimax": lambda: hf.MiniMaxForCausalLM(
        hf.MiniMaxConfig(**_SHAPE, **_ATTENTION, layer_types=_EVERY_SECOND, num_local_experts=4, head_dim=8)
    ),
    "zamba2": lambda: hf.Zamba2ForCausalLM(
        hf.Zamba2Config(
            **_SHAPE,
            **{**_ATTENTION, "num_key_value_heads": 4},
            mamba_d_state=8,
            chunk_size=4,
            layers_block_type=["mamba", "hybrid"] * 2,
        )
    ),
}


def state_model(name: str) -> Any:
    """A model that is the same at every call. Experts one by one: all at once, there is no float64."""
    torch.manual_seed(3)
    model = _MODELS[name]()
    if any("expert" in part for part, _ in model.named_modules()):
        model.set_experts_implementation("eager")
    return model.double().eval()
