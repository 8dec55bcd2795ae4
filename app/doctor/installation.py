"""Checks what is installed and the machine: versions, a double faiss, other owners of our package names, Chromium;
processor and GPU with their number formats, free memory, free disk. ``Finding`` is what every check of the doctor says.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from corpora.counts import count

Status: TypeAlias = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was checked, its status, details in one line, and a remedy unless all is well."""

    check: str
    status: Status
    detail: str
    hint: str = ""


PACKAGES = ("app", "retrieval", "decoding", "corpora")
_DISTRIBUTION = "spandraft"
_VERSIONS = (
    "torch",
    "transformers",
    "sentence-transformers",
    "gradio",
    "langchain-core",
    "numpy",
    "tokenizers",
)
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


_GIB = 2**30
_LEAST_MEMORY_BYTES = 2 * _GIB
_LEAST_DISK_BYTES = 1 * _GIB

Owners: TypeAlias = Mapping[str, Collection[str]]
"""Distributions by the import name they install, as ``importlib.metadata.packages_distributions`` gives them."""


def examine_installation(owners: Owners) -> Iterator[Finding]:
    """Check the versions of Python and libraries, faiss, and who owns our package names."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("spandraft", "ok", _version(_DISTRIBUTION) or "run from its folder, not installed")
    for name in _VERSIONS:
        installed = _version(name)
        if installed is None:
            yield Finding(name, "fail", "not installed", "run `make install`")
        else:
            yield Finding(name, "ok", installed)
    yield examine_faiss(owners)
    yield examine_names(owners)


def examine_faiss(owners: Owners) -> Finding:
    """Check that one distribution provides faiss: faiss-cpu and faiss-gpu silently overwrite each other's module."""
    distributions = sorted(set(owners.get("faiss", ())))
    if len(distributions) > 1:
        kept = next((name for name in distributions if "gpu" in name), distributions[0])
        hint = f"keep one: pip uninstall -y {' '.join(distributions)}, then pip install --no-deps {kept}"
        return Finding("faiss", "fail", f"{' and '.join(distributions)} overwrite each other", hint)
    if not distributions:
        return Finding("faiss", "fail", "not installed", "install it: pip install faiss-cpu")
    return Finding("faiss", "ok", f"{distributions[0]} {_version(distributions[0]) or ''}".strip())


def examine_names(owners: Owners) -> Finding:
    """Check that nobody else installs one of our four package names: they are plain words, and would be overwritten."""
    for package in PACKAGES:
        others = sorted(set(owners.get(package, ())) - {_DISTRIBUTION})
        if others:
            hint = f"give Spandraft an environment of its own, or: pip uninstall {' '.join(others)}"
            return Finding("names", "fail", f'{" and ".join(others)} also installs a package "{package}"', hint)
    return Finding("names", "ok", f"no other distribution installs {', '.join(PACKAGES)}")


def examine_chromium() -> Finding:
    """Check for a browser; only the browser test needs it."""
    program = find_chromium()
    if program is None:
        hint = "only the browser test needs it (Debian: apt install chromium)"
        return Finding("chromium", "warn", "not found", hint)
    return Finding("chromium", "ok", str(program))


def find_chromium() -> Path | None:
    """An installed Chromium or Chrome: on the PATH, else the newest that Playwright has downloaded."""
    for name in _CHROMIUM_NAMES:
        if program := shutil.which(name):
            return Path(program)
    downloads = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    return max(downloads.glob("chromium-*/chrome-linux*/chrome"), default=None)


def examine_devices() -> Iterator[Finding]:
    """Report the CPU, and each GPU that PyTorch can use."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    bfloat16 = (
        "fast"
        if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
        else "slow"
    )
    threads = f"PyTorch uses {count(torch.get_num_threads(), 'thread')}"
    processors = count(os.cpu_count() or 1, "processor")
    yield Finding("cpu", "ok", f"{processors}, {threads}; float32 yes, bfloat16 {bfloat16}")
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


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
