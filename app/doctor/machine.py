"""Checks the machine: processor and GPU with their number formats, free memory, free disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from app.doctor.findings import Finding

_GIB = 2**30
_LEAST_MEMORY_BYTES = 2 * _GIB
_LEAST_DISK_BYTES = 1 * _GIB


def examine_devices() -> Iterator[Finding]:
    """Report the CPU, and each GPU that PyTorch can use."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    bfloat16 = (
        "fast"
        if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
        else "slow"
    )
    count = f"{os.cpu_count()} processors, PyTorch uses {torch.get_num_threads()} threads"
    yield Finding("cpu", "ok", f"{count}; float32 yes, bfloat16 {bfloat16}")
    if not torch.cuda.is_available():
        yield Finding("gpu", "ok", "none that PyTorch can use: Spandraft works on the CPU")
    for index in range(torch.cuda.device_count()):
        free_bytes, total_bytes = torch.cuda.mem_get_info(index)
        memory = f"{free_bytes / _GIB:.0f} of {total_bytes / _GIB:.0f} GiB free"
        formats = f"float16 yes, bfloat16 {'yes' if torch.cuda.is_bf16_supported() else 'no'}"
        yield Finding("gpu", "ok", f"{torch.cuda.get_device_name(index)}, {memory}; {formats}")


def examine_memory() -> Finding:
    """Check the memory that a process may still take."""
    import psutil

    free_bytes = int(psutil.virtual_memory().available)
    detail = f"{free_bytes / _GIB:.1f} GiB free"
    if free_bytes < _LEAST_MEMORY_BYTES:
        return Finding("memory", "warn", detail, "close something: 2 GiB are wanted for the bundled models")
    return Finding("memory", "ok", detail)


def examine_disk(home: Path) -> Finding:
    """Check space and permission in the home folder, or where it will be made."""
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        hint = "set SPANDRAFT_HOME to a folder that you may write"
        return Finding("disk", "fail", f"{existing} cannot be written", hint)
    free_bytes = shutil.disk_usage(existing).free
    detail = f"{free_bytes / _GIB:.1f} GiB free for {home}"
    if free_bytes < _LEAST_DISK_BYTES:
        return Finding("disk", "warn", detail, "free some space, or set SPANDRAFT_HOME to another disk")
    return Finding("disk", "ok", detail)
