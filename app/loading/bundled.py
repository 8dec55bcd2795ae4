"""Where the models and learned files lie that come with Spandraft, and checksums of those that belong to no one model:
scorer, tagger, phrases, and the target's biases. Knows files, loads nothing.

    python -m app.loading.bundled        (or `make sums`) writes them anew, after one of these files was made again

The checksums stand in ``app/models/SHA256SUMS``, which ``sha256sum -c`` reads too. The folder of each model has a list
of its own, which ``spandraft train export`` writes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from app.model_store.checksum import sha256

TARGET, DRAFT_MODEL, HEADS, PARALLEL = "target", "draft", "heads", "parallel"
DRAFTERS: Mapping[str, str] = MappingProxyType({"draft_model": DRAFT_MODEL, "heads": HEADS, "parallel_model": PARALLEL})
"""The settings that name a model which drafts, with the bundled part that each may stand for."""

MODELS = Path(__file__).parents[1] / "models"
EDITS = MODELS / "edits.npz"
"""The edit proposer's tables; the weights of its network lie beside them, ``edits.safetensors``."""
RELEVANCE = MODELS / "relevance.npz"
"""The relevance scorer. ``app.training.relevance.train`` writes it."""
CROSS_ENCODER = MODELS / "cross_encoder.safetensors"
"""The cross-encoder, the scorer's second stage. ``app.training.cross_encoder.export`` writes it."""

SUMS: Final = "SHA256SUMS"
HELPERS: Final = (
    "../phrases/phrases.xz",
    "cross_encoder.safetensors",
    "edits.npz",
    "edits.safetensors",
    "relevance.npz",
    "smollm2/spandraft.json",
    "target/spandraft.json",
)
"""The files that belong to no one model, by where they are from the folder of bundled models."""


def bundled_folder(part: str) -> Path:
    """The folder of a part, whether or not its weights are there."""
    return MODELS / part


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights: a checkout may come without them."""
    return any(folder.glob("*.safetensors"))


def write_sums(models: Path = MODELS) -> None:
    """List the helpers of a folder of models. Raises OSError for one that is missing."""
    lines = [f"{sha256(models / name)}  {name}\n" for name in HELPERS]
    (models / SUMS).write_text("".join(lines), encoding="utf-8")


def read_sums(folder: Path) -> dict[str, str]:
    """The digests of a folder's list by file name; none without a list."""
    file = folder / SUMS
    if not file.is_file():
        return {}
    pairs = [line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {name.lstrip("*"): digest for digest, name in pairs}


def strangers(models: Path = MODELS) -> Iterator[tuple[str, str]]:
    """What is wrong with the helpers: the name of a file, and what is the matter with it."""
    sums = read_sums(models)
    for name in HELPERS:
        short = Path(name).name
        if not (models / name).is_file():
            yield short, "is missing"
        elif sums and sha256(models / name) != sums.get(name):
            yield short, "is not the file that was shipped"
    if not sums:
        yield SUMS, "is missing"


if __name__ == "__main__":
    write_sums()
    sys.stdout.write(f"{MODELS / SUMS}: {len(HELPERS)} files\n")
