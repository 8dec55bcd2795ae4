"""Devices: where a model's weights go and whether they fit, and copies to a device that do not wait for it.

Device maps, quantised weights, free memory. Knows transformers' loading options and safetensors' headers; runs no
model. A copy from ordinary memory waits for the whole queue of a GPU; a copy from pinned memory is queued. PyTorch
keeps the pinned block until the copy is done, so the host's tensor may be freed at once.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import torch

from decoding.errors import InvalidRequest, MissingLibrary, ModelTooLarge

# Bytes that a quantised weight takes at least, where the files do not say it: four bits.
_LEAST_BYTES = 0.5


def device_for(device: str) -> str:
    """The device of a setting; ``auto`` is the best there is. Raises InvalidRequest for one that this machine lacks."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidRequest(
            f"the device {device} cannot be used: {str(error).strip().splitlines()[0][:120]}",
            hint="leave --device out, or give cpu, or cuda where there is an NVIDIA GPU and a CUDA build of PyTorch",
        ) from error
    return device


def placing(device: str, config: Any, hf_options: Mapping[str, Any]) -> dict[str, Any]:
    """The loading options that place the weights: the device map that was given, or one for quantised weights, which
    cannot be moved to ``device`` once they are loaded.

    Raises InvalidRequest if both a device and a map are given, MissingLibrary if accelerate is not installed.
    """
    device_map = hf_options.get("device_map")
    if device_map is None:
        place = device_for(device)
        # Without a GPU they go to the CPU in any case, and not every library takes a map for that.
        by_map = torch.cuda.is_available() and asked_quantization(config, hf_options) and _has_accelerate()
        return {"device_map": {"": place}} if by_map else {}
    if device != "auto":
        raise InvalidRequest(
            f"the device {device} and the device_map {device_map} are both set",
            hint="give one of them: device for one device, device_map to spread a model over several",
        )
    if not _has_accelerate():
        raise MissingLibrary(
            "a device_map needs the library accelerate, which is not installed",
            hint="pip install accelerate, or give --device instead",
        )
    return {"device_map": device_map}


def asked_quantization(config: Any, hf_options: Mapping[str, Any]) -> bool:
    """Whether weights will be quantised: in the files already, or while they are loaded."""
    return getattr(config, "quantization_config", None) is not None or bool(hf_options.get("quantization_config"))


def is_quantized(model: Any) -> bool:
    """Whether a loaded model has quantised weights."""
    return getattr(model.config, "quantization_config", None) is not None


def input_device(model: Any) -> torch.device:
    """The device that token ids go to. For a model spread over devices: where its embeddings are computed."""
    embeddings = model.get_input_embeddings()
    hook = getattr(embeddings, "_hf_hook", None)
    device = getattr(hook, "execution_device", None)
    return torch.device(device) if device is not None else next(embeddings.parameters()).device


def refuse_too_large(
    folder: Path, dtype: torch.dtype, config: Any, hf_options: Mapping[str, Any], *, places: object
) -> None:
    """Raise ModelTooLarge for weights that do not fit ``places``, a device or a device map.

    Only a local folder has a size before loading, and the free memory is known only if all weights go to the CPU.
    """
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if not weights or not _all_on_cpu(places):
        return
    if getattr(config, "quantization_config", None) is not None:
        need_bytes = sum(file.stat().st_size for file in weights)
    elif hf_options.get("quantization_config"):
        need_bytes = int(sum(map(_weight_count, weights)) * _LEAST_BYTES)
    else:
        need_bytes = sum(map(_weight_count, weights)) * dtype.itemsize * 11 // 10
    free_bytes = free_memory_bytes()
    if need_bytes > free_bytes:
        raise ModelTooLarge(
            f"{folder.name} needs {need_bytes / 2**30:.1f} GiB in {dtype}, {free_bytes / 2**30:.1f} GiB are free",
            hint="choose a smaller model, --dtype bfloat16 (half of float32), or free some memory",
        )


def free_memory_bytes() -> int:
    """Bytes of memory that a process may still take."""
    return int(psutil.virtual_memory().available)


def _all_on_cpu(places: object) -> bool:
    named = places.values() if isinstance(places, Mapping) else [places]
    return all(str(place) == "cpu" for place in named)


def _has_accelerate() -> bool:
    return importlib.util.find_spec("accelerate") is not None


def _weight_count(file: Path) -> int:
    """Number of weights by a safetensors file's header; 0 for a broken header, which loading then reports."""
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        try:
            header = json.loads(stream.read(min(size, 2**28)))
        except ValueError:
            return 0
    count = 0
    for key, entry in header.items():
        if key != "__metadata__":
            size = 1
            for extent in entry["shape"]:
                size *= extent
            count += size
    return count


def to_device(host: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy of ``host`` on ``device``, queued after what was launched there before."""
    if device.type != "cuda":
        return host.to(device)
    return host.pin_memory().to(device, non_blocking=True)


def send(host: torch.Tensor, into: torch.Tensor) -> None:
    """Copy ``host`` into a tensor on the device, queued after what was launched there before."""
    if into.device.type == "cuda":
        host = host.pin_memory()
    into.copy_(host, non_blocking=True)
