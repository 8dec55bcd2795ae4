"""Loads a Hugging Face causal LM safely and makes a ``Target`` of it with the best capability that is proven.

Knows transformers' loaders, their options and what they raise. Knows nothing of sessions.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from decoding.errors import DecodingError, MissingLibrary, ModelNotFound, UnsupportedModel
from decoding.target.attention import use_attention
from decoding.target.capability import Capability
from decoding.target.masks import FULL_ATTENTION
from decoding.target.model_facts import read_facts, refuse_unsupported
from decoding.target.placement import asked_quantization, device_for, placing, refuse_too_large
from decoding.target.quantized import quantize, require_int8
from decoding.target.selfcheck import first_proven
from decoding.target.target import Target

_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
INT8 = "int8"


def load_target(
    name: str,
    *,
    dtype: str = "float32",
    device: str = "auto",
    trust_remote_code: bool = False,
    **hf_options: Any,
) -> Target:
    """Load a causal LM by folder or hub name; further options go to transformers' ``from_pretrained`` as they are.

    ``dtype``: float64, float32, bfloat16, float16, or on a CPU int8 (``quantized``), which is exact at any tree width.
    Raises ModelNotFound, ModelTooLarge, UnsupportedModel, MissingLibrary, InvalidRequest.
    """
    model = _load_model(name, dtype=dtype, device=device, trust_remote_code=trust_remote_code, **hf_options)
    return target_of(model, name=name)


def target_of(model: Any, *, name: str = "model") -> Target:
    """The target of a model that is already loaded, with the first capability that the self-check proves.

    Raises UnsupportedModel if it proves none.
    """
    model.eval()
    use_attention(model)
    facts = read_facts(model)
    trees = [(Capability.TREE, attention) for attention in facts.attentions]
    return first_proven(
        Target(
            model=model,
            name=name,
            vocab_size=facts.vocab_size,
            context_length=min(facts.context_length, attention.limit or facts.context_length),
            eos_ids=facts.eos_ids,
            generation_defaults=facts.sampling,
            attention=attention,
            capability=capability,
            shortfall=facts.no_trees,
            max_rows=2**16 if capability is Capability.TREE else 1,
        )
        for capability, attention in [
            *trees,
            (Capability.CHAIN, FULL_ATTENTION),
            (Capability.PLAIN, FULL_ATTENTION),
        ]
    )


def _load_model(name: str, *, dtype: str, device: str, trust_remote_code: bool, **hf_options: Any) -> Any:
    """Load a model with safetensors weights only."""
    from transformers import AutoConfig

    if dtype not in (*_DTYPES, INT8):
        raise UnsupportedModel(f"dtype {dtype!r} is unknown", hint=f"use one of {', '.join((*_DTYPES, INT8))}")
    place = device_for(device)
    if dtype == INT8:
        require_int8(place)
    path = str(Path(name).expanduser())
    looks_local = name.startswith((".", "~")) or Path(name).is_absolute() or len(Path(name).parts) > 2
    if looks_local and not Path(path).is_dir():
        raise ModelNotFound(f"there is no model folder at {name}", hint="check the path, or give a hub name")
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if not Path(path).is_dir() and not _hub_is_reachable():
        options["local_files_only"] = True  # Else a dozen retries go by before the same answer.
    try:
        config = AutoConfig.from_pretrained(path, **options)
    except Exception as error:  # whatever a folder of somebody's may hold
        raise _not_found(name, error) from error
    refuse_unsupported(config, name)
    if dtype == INT8:
        _refuse_other_options(config, hf_options)
    where = placing(device, config, hf_options)
    places = where.get("device_map") or device_for(device)
    # What becomes int8 is read as it is stored, which takes the least memory.
    torch_dtype = _stored_dtype(config) if dtype == INT8 else _DTYPES[dtype]
    refuse_too_large(Path(path), torch_dtype, config, hf_options, places=places)
    model = _with_weights(path, name, {**options, **hf_options, **where, "dtype": torch_dtype}, place=places)
    return quantize(model) if dtype == INT8 else model


def _refuse_other_options(config: Any, hf_options: Mapping[str, Any]) -> None:
    """Raise UnsupportedModel for weights that another library quantises or spreads over devices: int8 is all ours."""
    if asked_quantization(config, hf_options):
        raise UnsupportedModel(
            "int8 is made of weights that are not quantised yet, and these are or will be",
            hint="leave --dtype out, or --quantization-config",
        )
    if hf_options.get("device_map") is not None:
        raise UnsupportedModel("int8 runs on one CPU, without a device_map", hint="leave --device-map or --dtype out")


def _stored_dtype(config: Any) -> torch.dtype:
    stored = config.get_text_config().dtype
    return stored if stored in (torch.bfloat16, torch.float16) else torch.float32


def _with_weights(path: str, name: str, options: Mapping[str, Any], *, place: Any) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        model = AutoModelForCausalLM.from_pretrained(path, use_safetensors=True, **options)
    except Exception as error:  # a truncated file has its own exception in every library
        raise _not_found(name, error) from error
    return model if "device_map" in options else torch.nn.Module.to(model, place)


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
        hint = remedy.group().strip() if remedy is not None else "install the library that it names"
        return MissingLibrary(f"the model {name} needs a library: {reason}", hint=hint)
    return ModelNotFound(
        f"the model {name} could not be loaded: {reason}",
        hint="give a folder with config.json and *.safetensors files, or a hub name while the network is there",
    )
