"""Loading a Hugging Face causal LM safely, and what its configuration says about it.

Knows transformers' configuration and files; runs no model and knows nothing of sessions. V vocabulary.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import torch

from decoding.errors import DecodingError, MissingLibrary, ModelNotFound, UnsupportedModel
from decoding.interfaces import Sampling
from decoding.target.generation_config import not_followed
from decoding.target.generation_config import sampling as recommended
from decoding.target.masks import FULL_ATTENTION, Attention
from decoding.target.placement import device_for, placing, refuse_too_large

log = logging.getLogger(__name__)

_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_ATTENTION_KINDS: Final = frozenset({"full_attention", "sliding_attention", "attention"})
# Layers that read tokens one after the other, or forget by blocks: transformers' own cache knows how.
_STATE_KINDS: Final = frozenset({"linear_attention", "conv", "hybrid", "hybrid_sliding", "mamba", "chunked_attention"})
# How far some models look is built into them, and counted in places of the layout: in a tree these are not positions.
_FIXED_WINDOWS: Final = ("window_size", "keep_window_size", "index_topk_blocks")
_NO_CACHE_KINDS: Final = frozenset({"moe", "mlp"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's configuration says about how it may be used.

    ``attentions``: the ways in which masks for trees may be given, the best first; the self-check finds the first
    that holds. There is none for a model with other layers than attention, or with windows that cannot be masked.
    """

    vocab_size: int
    context_length: int
    eos_ids: frozenset[int]
    sampling: Sampling
    attentions: tuple[Attention, ...]


def load(name: str, *, dtype: str, device: str, trust_remote_code: bool, **hf_options: Any) -> Any:
    """Load ``name`` (a folder or a hub name) with safetensors weights only.

    Raises ModelNotFound, ModelTooLarge, MissingLibrary, UnsupportedModel, InvalidRequest.
    """
    from transformers import AutoConfig

    if dtype not in _DTYPES:
        raise UnsupportedModel(f"dtype {dtype!r} is unknown", hint=f"Use one of {', '.join(_DTYPES)}.")
    device_for(device)
    path = str(Path(name).expanduser())
    looks_local = name.startswith((".", "~")) or Path(name).is_absolute() or len(Path(name).parts) > 2
    if looks_local and not Path(path).is_dir():
        raise ModelNotFound(f"There is no model folder at {name}.", hint="Check the path, or give a hub name.")
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if not Path(path).is_dir() and not _hub_is_reachable():
        options["local_files_only"] = True  # Else a dozen retries go by before the same answer.
    try:
        config = AutoConfig.from_pretrained(path, **options)
    except Exception as error:  # whatever a folder of somebody's may hold
        raise _not_found(name, error) from error
    _refuse_unsupported(config, name)
    where = placing(device, config, hf_options)
    places = where.get("device_map") or device_for(device)
    refuse_too_large(Path(path), _DTYPES[dtype], config, hf_options, places=places)
    return _with_weights(path, name, {**options, **hf_options, **where, "dtype": _DTYPES[dtype]}, place=places)


def _with_weights(path: str, name: str, options: Mapping[str, Any], *, place: Any) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(path, use_safetensors=True, **options)
    except Exception as error:  # a truncated file has its own exception in every library
        raise _not_found(name, error) from error
    return model if "device_map" in options else torch.nn.Module.to(model, place)


def facts(model: Any) -> Facts:
    """Read vocabulary, context, end tokens and default sampling from a loaded model."""
    _refuse_unsupported(model.config, model.config.name_or_path or "the model")
    config = model.config.get_text_config()
    generation = model.generation_config
    ends = generation.eos_token_id if generation.eos_token_id is not None else config.eos_token_id
    end_ids = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    if ignored := not_followed(generation):
        log.warning("the model's generation_config asks for what is not followed here: %s", ignored)
    head = model.get_output_embeddings()
    vocab_size = getattr(head, "out_features", None) or head.weight.shape[0]  # Quantised weights have other shapes.
    return Facts(vocab_size, _context_length(config), frozenset(end_ids), recommended(generation), _attentions(config))


def _context_length(config: Any) -> int:
    """Positions for which full attention over one fixed rotary table is what the model was made with."""
    limits = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions")]
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        limits.append(rope.get("original_max_position_embeddings"))
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    return min(known) if known else 2048


def _attentions(config: Any) -> tuple[Attention, ...]:
    """Masks by kind of layer, else one mask with the window for all layers; full attention where nothing slides."""
    window = getattr(config, "sliding_window", None)
    kinds = frozenset(getattr(config, "layer_types", None) or ())
    fixed = [getattr(config, name, None) for name in _FIXED_WINDOWS]
    if kinds & _STATE_KINDS or any(isinstance(one, int) and one < _context_length(config) for one in fixed):
        return ()
    if not isinstance(window, int) or not getattr(config, "use_sliding_window", True):
        return (FULL_ATTENTION,)
    if kinds and "sliding_attention" not in kinds:
        return (FULL_ATTENTION,)
    one_mask = Attention(frozenset({"sliding_attention"}), window)
    # Inside the first window sliding attention is full attention.
    within = replace(FULL_ATTENTION, limit=window)
    return (Attention(kinds, window, by_kind=True), within) if kinds else (one_mask, within)


def _refuse_unsupported(config: Any, name: str) -> None:
    text = config.get_text_config()
    if config.is_encoder_decoder:
        raise unsupported(name, "it is an encoder-decoder model")
    if config.model_type in _masked_model_types() and not getattr(text, "is_decoder", False):
        raise unsupported(name, "it reads both ways (a masked LM)")
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    odd = sorted(kinds - _ATTENTION_KINDS - _STATE_KINDS - _NO_CACHE_KINDS)
    if odd:
        raise unsupported(name, f"it has layers of type {', '.join(odd)}")
    if "sliding_attention" in kinds and not isinstance(getattr(text, "sliding_window", None), int):
        raise unsupported(name, "it has sliding-window layers of unknown width")


def _masked_model_types() -> frozenset[str]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return frozenset(MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def _hub_is_reachable() -> bool:
    """Whether the hub's name can be looked up at all; a lookup fails at once where there is no network."""
    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return not constants.HF_HUB_OFFLINE


def _not_found(name: str, error: Exception) -> DecodingError:
    reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
    remedy = re.search(r"pip install [^`)\n]+", str(error))
    if isinstance(error, ImportError) or remedy is not None:
        hint = remedy.group().strip() if remedy is not None else "Install the library that it names."
        return MissingLibrary(f"The model {name} needs a library: {reason}", hint=hint)
    return ModelNotFound(
        f"The model {name} could not be loaded: {reason}",
        hint="Give a folder with config.json and *.safetensors files, or a hub name while the network is there.",
    )


def unsupported(name: str, why: str) -> UnsupportedModel:
    """The error for a model that cannot be decoded exactly."""
    return UnsupportedModel(
        f"{name} cannot be verified exactly: {why}.",
        hint="Use a causal LM with full attention, such as Llama, Qwen3, GPT-2 or Phi-3.",
    )
