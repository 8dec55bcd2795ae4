"""What a bench hands back: its rows, and the machine they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = Mapping[str, object]
"""A row has ``method`` and figures; figures that belong together may be a mapping or list of their own."""


@dataclass(frozen=True, slots=True)
class Report:
    """One run of a bench. ``command`` is the line that repeats it; every row names its ``method``."""

    command: str
    machine: Mapping[str, Value]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, command: str, rows: Iterable[Row]) -> Report:
        """A report measured on this machine."""
        return cls(command, machine(), tuple(rows))

    def document(self) -> dict[str, object]:
        """What ``--json`` prints."""
        return {"command": self.command, "machine": dict(self.machine), "rows": [dict(row) for row in self.rows]}


def machine() -> dict[str, Value]:
    """This machine in a few words: what a figure means nothing without."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


def _processor() -> str:
    """The processor's name where Linux tells it, else the architecture."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
