"""The preloaded library that kills, tears, fails and records file calls: built by the C compiler, told by variables."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SOURCE = Path(__file__).with_name("shim.c")
Mode = Literal["count", "before", "after", "tear", "full", "fail"]


@dataclass(frozen=True)
class Shim:
    """What happens to calls that change files below a folder.

    ``before``, ``after`` and ``tear`` kill at call ``at``; ``fail`` makes it and all later ones fail with ``error``;
    ``full`` lets files grow by ``room`` bytes. ``trace`` is a file outside that gets a record of each call.
    """

    mode: Mode
    at: int = 0
    room: int = 0
    error: int = errno.ENOSPC
    trace: Path | None = None

    def variables(self, root: Path, shared: Path) -> dict[str, str]:
        """The environment that says so; ``shared`` is a file for the counts of all processes."""
        wanted: dict[str, object] = {
            "MODE": self.mode,
            "ROOT": root,
            "AT": self.at,
            "ROOM": self.room,
            "ERROR": self.error,
        }
        wanted["SHARED"] = shared
        if self.trace is not None:
            wanted["TRACE"] = self.trace
        return {f"SHIM_{key}": str(value) for key, value in wanted.items()}


def find_compiler() -> str | None:
    """A C compiler, if there is one: without it the crash suites are left out, which the last lines of a run say."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def build(folder: Path) -> Path:
    """Compile it."""
    compiler = find_compiler()
    assert compiler is not None, "a test of the crash suites must not run without a compiler"
    library = folder / "shim.so"
    subprocess.run(
        [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"],
        check=True,
    )
    return library


def loaded() -> ctypes.CDLL:
    """The library in this process, which was started with it."""
    library = ctypes.CDLL(None)
    library.shim_calls.restype = ctypes.c_long
    library.shim_grown.restype = ctypes.c_longlong
    library.shim_note.argtypes = [ctypes.c_char_p]
    return library


def arm(variables: dict[str, str]) -> None:
    """Start counting in this process and in those that it starts, which are killed together."""
    os.environ.update(variables)
    if variables:
        os.environ["SHIM_FRESH"] = "1"
    loaded().shim_configure()
    os.environ.pop("SHIM_FRESH", None)
