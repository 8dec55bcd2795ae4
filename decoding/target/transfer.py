"""From the host to the device without waiting for what the device is still at.

A copy from ordinary memory waits for the whole queue of a GPU; from pinned memory it takes its place in it. PyTorch
keeps the pinned block until the copy is done, so the tensor may be let go at once.
"""

from __future__ import annotations

import torch


def to_device(host: torch.Tensor, device: torch.device) -> torch.Tensor:
    """``host`` on ``device``, in the order of what was launched there before."""
    if device.type != "cuda":
        return host.to(device)
    return host.pin_memory().to(device, non_blocking=True)


def send(host: torch.Tensor, into: torch.Tensor) -> None:
    """Write ``host`` over a tensor on the device, in the order of what was launched there before."""
    if into.device.type == "cuda":
        host = host.pin_memory()
    into.copy_(host, non_blocking=True)
