"""Targets of a well-known shape with random weights: what a step costs on them, without a download.

Time depends on a model's shape and not on what it learned, so with forced decoding its weights may be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from app.config.settings import Settings
from app.errors import unknown
from decoding.target.target import Target


def _qwen3_600m() -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(
        hidden_size=1024,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        intermediate_size=3072,
        vocab_size=151_936,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )


SHAPES: Mapping[str, Callable[[], Any]] = MappingProxyType({"qwen3-0.6b": _qwen3_600m})


def random_target(name: str, settings: Settings) -> Target:
    """A target of that shape in the settings' number format, on their device. Raises UnknownNameError."""
    if name not in SHAPES:
        raise unknown("shape", name, SHAPES)
    import torch
    from transformers import AutoModelForCausalLM

    from decoding.target.placement import device_for

    models: Any = AutoModelForCausalLM  # Its functions have no types.
    dtype = getattr(torch, settings.dtype or "float32")
    assert isinstance(dtype, torch.dtype)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(), torch.device(device_for(settings.device or "auto")):
        torch.manual_seed(0)
        model = models.from_config(SHAPES[name](), dtype=dtype)
    return Target.of(model, name=name)
