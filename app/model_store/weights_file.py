"""Writes a safetensors file tensor by tensor: no second copy of the weights, and the checksum on the way.

The format: https://huggingface.co/docs/safetensors. Knows nothing of models.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_CHUNK_BYTES: Final = 2**22


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor], *, written: Callable[[int], object]) -> str:
    """Write the tensors, force them to the disk, and return the file's SHA-256. Raises OSError.

    ``written`` is called with the number of bytes that were written since it was called before.
    """
    import torch

    names = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, tensor in tensors.items():
        end = place + tensor.numel() * tensor.itemsize
        entries[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [place, end]}
        place = end
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    digest = hashlib.sha256()
    with path.open("wb", buffering=0) as stream:
        for chunk in (len(head).to_bytes(8, "little"), head):
            _write(stream.fileno(), memoryview(chunk), digest.update)
        for tensor in tensors.values():
            data = memoryview(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]
            for start in range(0, len(data), _CHUNK_BYTES):
                chunk_ = data[start : start + _CHUNK_BYTES]
                _write(stream.fileno(), chunk_, digest.update)
                written(len(chunk_))
        os.fsync(stream.fileno())
    return digest.hexdigest()


def _write(handle: int, data: memoryview, seen: Callable[[memoryview], object]) -> None:
    """A write may take less than it was given, most often just before the disk is full."""
    seen(data)
    while data:
        data = data[os.write(handle, data) :]
