"""Checks what is installed: versions, a double faiss, other owners of our package names, Chromium."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from app.doctor.findings import Finding

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
        hint = f"uninstall all of them, then install one: pip uninstall -y {' '.join(distributions)}"
        return Finding("faiss", "fail", f"{' and '.join(distributions)} overwrite each other", hint)
    if not distributions:
        return Finding("faiss", "fail", "not installed", "run `make install`, or pip install faiss-cpu")
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


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
