"""A GGUF file to a folder that Hugging Face loads, through transformers: weights unpacked exactly, the file's own
tokenizer and chat template.

Up to 250 million parameters are written in float32, which holds every unpacked weight exactly; larger models in
bfloat16. Knows nothing of the store; whoever calls it sees to it that the folder is nobody's yet.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from app.errors import ModelError
from app.model_store.checksum import sha256
from app.model_store.gguf_file import GgufFile, unknown_quantization
from app.model_store.records import WEIGHTS

if TYPE_CHECKING:
    import torch

Report: TypeAlias = Callable[[str], object]
"""Told, in a line, what takes long."""

_MOST_EXACT: Final = 250_000_000  # parameters
_BESIDE_BYTES: Final = 64 * 2**20  # what is written beside the weights, with room to spare
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_WRITERS: Final = frozenset({"t5", "t5encoder", "umt5", "general", "tokenizer"})
"""What transformers lists and is no architecture, or no model that writes on behind a prompt."""


@dataclass(frozen=True, slots=True)
class Converted:
    """The weights that were written."""

    dtype: str
    weights_bytes: int
    weights_sha256: str


def convert(gguf: GgufFile, folder: Path) -> Converted:
    """Write the model of a GGUF file into an empty folder. ``require_convertible`` has let it through.

    Raises ModelError, and OSError of the disk.
    """
    import torch

    dtype = "float32" if gguf.parameters <= _MOST_EXACT else "bfloat16"
    with _as_model_error(gguf):
        model = _loaded(gguf, getattr(torch, dtype))
        _write_tokenizer(gguf, folder)
    try:
        _write_config(model, dtype, folder)
        _write_weights(_weights(model), folder / WEIGHTS)
    finally:
        del model
        gc.collect()
    return Converted(dtype, (folder / WEIGHTS).stat().st_size, sha256(folder / WEIGHTS))


def require_convertible(gguf: GgufFile, folder: Path) -> None:
    """Raise ModelError for an architecture or a quantisation that transformers cannot read, a model larger than the
    free memory, or the disk of ``folder`` without room for it. Reads nothing but the header.
    """
    known = readable_architectures()
    if _plain(gguf.architecture) not in {_plain(one) for one in known}:
        raise ModelError(
            f"{gguf.path} is a model of the architecture {gguf.architecture}, which transformers cannot read from GGUF",
            hint=f"it can read {', '.join(known)}; or name the model's folder or hub name instead of the file",
        )
    _require_unpackable(gguf)
    need_bytes = gguf.parameters * (4 if gguf.parameters <= _MOST_EXACT else 2)
    _require_memory(gguf, need_bytes + 4 * max(tensor.weights for tensor in gguf.tensors))
    free_bytes = shutil.disk_usage(folder).free
    if need_bytes + _BESIDE_BYTES > free_bytes:
        raise no_room(folder, need_bytes + _BESIDE_BYTES)


def readable_architectures() -> list[str]:
    """The architectures of models that write which the installed transformers reads from GGUF."""
    from transformers.integrations.gguf.gguf_conversion_mapping import GGUF_ARCHS
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    return sorted({*GGUF_SUPPORTED_ARCHITECTURES, *GGUF_ARCHS} - _NO_WRITERS)


def no_room(folder: Path, need_bytes: int | None = None) -> ModelError:
    """The error for a disk that is full, or will be."""
    need = f" for the {need_bytes / 2**30:.1f} GiB that the converted model takes" if need_bytes else ""
    return ModelError(
        f"there is no room in {folder}{need}",
        hint="free some, or set SPANDRAFT_HOME to a folder on another disk; --target tiny needs none",
    )


def is_no_room(error: OSError) -> bool:
    """Whether writing failed because the disk, a quota or a limit on the size of files is exhausted."""
    return error.errno in _NO_ROOM


def _plain(architecture: str) -> str:
    """transformers spells some of them with underscores."""
    return architecture.replace("_", "").replace("-", "")


def _require_unpackable(gguf: GgufFile) -> None:
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
    from gguf.quants import dequantize

    for kind in {tensor.type: GGMLQuantizationType(tensor.type) for tensor in gguf.tensors}.values():
        _, block_bytes = GGML_QUANT_SIZES[kind]
        try:
            dequantize(np.zeros((1, block_bytes), np.uint8), kind)
        except RuntimeError as error:  # What gguf raises for a type that it does not unpack.
            tensor = next(tensor for tensor in gguf.tensors if tensor.type == kind)
            raise unknown_quantization(gguf.path, kind.name, tensor.name) from error


def _require_memory(gguf: GgufFile, need_bytes: int) -> None:
    from decoding.errors import ModelTooLarge
    from decoding.target.placement import free_memory_bytes

    free_bytes = free_memory_bytes()
    if need_bytes > free_bytes:
        raise ModelTooLarge(
            f"{gguf.path.name} needs {need_bytes / 2**30:.1f} GiB of memory, {free_bytes / 2**30:.1f} GiB are free",
            hint="choose a smaller model, or free some memory",
        )


def _loaded(gguf: GgufFile, dtype: torch.dtype) -> Any:
    """The model, all of whose weights came from the file. Raises whatever transformers does."""
    from transformers import AutoModelForCausalLM, GgufConfig

    loader: Any = AutoModelForCausalLM  # Its types do not know of the second result.
    model, info = loader.from_pretrained(
        str(gguf.path.parent),
        gguf_file=gguf.path.name,
        dtype=dtype,
        quantization_config=GgufConfig(dequantize=True),
        output_loading_info=True,
    )
    missing = sorted(info["missing_keys"])
    if missing:
        raise ModelError(
            f"{gguf.path} lacks {len(missing)} of the weights of a {gguf.architecture} model, such as {missing[0]}",
            hint="fetch the file again, or a file that was converted by another version of llama.cpp",
        )
    return model


def _write_tokenizer(gguf: GgufFile, folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(gguf.path.parent), gguf_file=gguf.path.name)
    tokenizer.save_pretrained(folder)


def _write_config(model: Any, dtype: str, folder: Path) -> None:
    """``save_pretrained`` refuses weights that were quantised; of the configuration nothing says so any more."""
    config = model.config.to_diff_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(key, None)
    config |= {"dtype": dtype, "architectures": [type(model).__name__]}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    model.generation_config.save_pretrained(folder)


def _weights(model: Any) -> dict[str, torch.Tensor]:
    """The weights by name, each once: tied ones share their bytes."""
    seen: set[int] = set()
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            weights[name] = tensor
    return weights


def _write_weights(weights: dict[str, torch.Tensor], path: Path) -> None:
    """Write a safetensors file. Raises OSError."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(weights, path, metadata={"format": "pt"})
    except SafetensorError as error:  # The disk's own error is only told in its text.
        code = re.search(r"os error (\d+)|code: (\d+)", str(error))
        if code is None:
            raise
        number = int(code[1] or code[2])
        raise OSError(number, os.strerror(number), str(path)) from error


@contextlib.contextmanager
def _as_model_error(gguf: GgufFile) -> Iterator[None]:
    """What a library raises for a file that it cannot read becomes a ModelError; errors of the disk stay."""
    try:
        yield
    except (ModelError, MemoryError):
        raise
    except OSError as error:
        if is_no_room(error):
            raise
        raise _unreadable(gguf, error) from error
    except Exception as error:  # whatever a file of somebody's may hold
        raise _unreadable(gguf, error) from error


def _unreadable(gguf: GgufFile, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
    return ModelError(
        f"{gguf.path} could not be converted ({gguf.architecture}, {gguf.quantization}): {reason}",
        hint="fetch the file again, or name the model's folder or hub name instead",
    )
