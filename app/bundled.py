"""Where the models lie that come with Spandraft: the target, and what drafts for it. Loads nothing."""

from __future__ import annotations

from pathlib import Path

TARGET, DRAFT_MODEL, HEADS, PARALLEL = "target", "draft", "heads", "parallel"


def bundled_folder(part: str) -> Path:
    """The folder of a part, whether or not its weights are there."""
    return Path(__file__).parent / "models" / part


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights: a checkout may come without them."""
    return any(folder.glob("*.safetensors"))
