"""A batch, whatever it is made of -> the same batch with its tensors on a device.

Knows containers. Must not know what a batch means.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch


def moved(batch: Any, device: torch.device) -> Any:
    """Tensors inside dataclasses, tuples, lists and mappings are copied over; everything else stays as it is."""
    if device.type == "cpu":
        return batch
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        changes = {f.name: moved(getattr(batch, f.name), device) for f in dataclasses.fields(batch) if f.init}
        return dataclasses.replace(batch, **changes)
    if isinstance(batch, tuple | list):
        return type(batch)(moved(one, device) for one in batch)
    if isinstance(batch, dict):
        return {key: moved(one, device) for key, one in batch.items()}
    return batch
