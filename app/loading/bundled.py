"""Where the models and learned files lie that come with Spandraft. Loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

TARGET, DRAFT_MODEL, HEADS, PARALLEL = "target", "draft", "heads", "parallel"
DRAFTERS: Mapping[str, str] = MappingProxyType({"draft_model": DRAFT_MODEL, "heads": HEADS, "parallel_model": PARALLEL})
"""The settings that name a model which drafts, with the bundled part that each may stand for."""

MODELS = Path(__file__).parents[1] / "models"
EDITS = MODELS / "edits.npz"
"""The edit proposer's tables; the weights of its network lie beside them, ``edits.safetensors``."""
RELEVANCE = MODELS / "relevance.npz"
"""The relevance scorer. ``app.training.relevance`` writes it."""


def bundled_folder(part: str) -> Path:
    """The folder of a part, whether or not its weights are there."""
    return MODELS / part


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights: a checkout may come without them."""
    return any(folder.glob("*.safetensors"))
