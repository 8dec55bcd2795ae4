"""What a bench returns: its rows and the machine they were measured on; and where measured tables are published.

`app/bench/README.md` holds the published tables, each between ``<!-- NAME -->`` and ``<!-- /NAME -->``; the tools
`app.bench.replay.figures` and `app.bench.criteria.figures` renew them.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

PAGE = Path("app/bench/README.md")
"""The published tables, relative to the top of the repository."""

Value: TypeAlias = str | int | float | bool | None
Row: TypeAlias = Mapping[str, object]
"""A row has ``method`` and figures; figures that belong together may be a mapping or list of their own."""


@dataclass(frozen=True, slots=True)
class Report:
    """One run of a bench. ``command`` repeats it; every row names its ``method``."""

    command: str
    machine: Mapping[str, Value]
    rows: tuple[Row, ...]
    table: tuple[tuple[str, ...], ...] | None = None
    """Head and cells for a terminal, where the rows are read better in another form than as they are."""

    @classmethod
    def of(cls, command: str, rows: Iterable[Row], *, table: Iterable[Sequence[str]] | None = None) -> Report:
        """A report measured on this machine."""
        cells = tuple(tuple(line) for line in table) if table is not None else None
        return cls(command, machine(), tuple(rows), cells)

    def document(self) -> dict[str, object]:
        """The document that ``--json`` prints."""
        return {"command": self.command, "machine": dict(self.machine), "rows": [dict(row) for row in self.rows]}


def machine() -> dict[str, Value]:
    """This machine in a few words; a figure means nothing without it."""
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


def progress(text: str) -> None:
    """Tell the user about a long run: a line on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def renew_block(text: str, name: str, block: str) -> str:
    """``text`` with ``block`` between the marks of that name. Raises ValueError if they do not stand there once."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text, count = pattern.subn(lambda marks: f"{marks[1]}{block}\n{marks[2]}", text)
    if count != 1:
        raise ValueError(f"{PAGE} has no single <!-- {name} --> ... <!-- /{name} -->")
    return text


def _processor() -> str:
    """The processor's name where Linux tells it, else the architecture."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
