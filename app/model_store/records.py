"""What the store knows of a model: where it came from, and checksums. One JSON file in the model's folder."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FORMAT: Final = 1
"""Of a converted folder: a number that is not known converts anew."""
RECORD: Final = "source.json"
WEIGHTS: Final = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One converted model. ``source`` is the name of the file that it was made of, ``origin`` where that came from."""

    name: str
    source: str
    source_bytes: int
    source_mtime_ns: int
    source_sha256: str
    origin: str
    licence: str | None
    architecture: str
    quantization: str
    parameters: int
    dtype: str
    weights_bytes: int
    weights_sha256: str
    format: int = FORMAT

    def written(self) -> str:
        """The record as it is kept."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read_record(folder: Path) -> ModelRecord | None:
    """The record of a folder of the store; None if it is damaged, of another format, or none."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        record = ModelRecord(**found)
    except (OSError, ValueError, TypeError):
        return None
    return record if record.format == FORMAT else None
