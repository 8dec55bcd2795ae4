"""The logit biases of a loaded target: from its own folder, else from a bundled file that was calibrated for its like.

A bundled file names what it holds for, so that it is found by any copy of that model: in another precision, converted
from a GGUF file, or under another name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from app.generation.logit_biases import FILE, LogitBiases
from app.loading.bundled import MODELS

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer
    from decoding.target.target import Target

_MODEL: Final = "model"
_EOS_TOKEN: Final = "eos_token"
# By the bundled folders, whose files do not say it.
_NAMES: Final = MappingProxyType({"smollm2": "SmolLM2-135M-Instruct"})


def logit_biases(folder: Path, target: Target, tokens: TextTokenizer) -> LogitBiases:
    """The biases for a target from ``folder``; zeros for one that nobody has calibrated. Raises ModelError."""
    found = _calibrated(folder, target, tokens)
    return LogitBiases.read(found) if found is not None else LogitBiases()


def whose_biases(folder: Path, target: Target, tokens: TextTokenizer) -> str:
    """Whose biases these are, in a few words: a fine-tune cannot be told from the model that it was made of."""
    found = _calibrated(folder, target, tokens)
    if found is None:
        return "none: nobody has calibrated this model"
    return "its own" if found == folder else f"those of {_NAMES.get(found.name, found.name)}"


def _calibrated(folder: Path, target: Target, tokens: TextTokenizer) -> Path | None:
    """The folder whose biases a target has."""
    if (folder / FILE).is_file():
        return folder
    for file in sorted(MODELS.glob(f"*/{FILE}")):
        model = json.loads(file.read_text(encoding="utf-8")).get(_MODEL)
        if model and _is_like(model, target, tokens):
            return file.parent
    return None


def _is_like(model: Mapping[str, Any], target: Target, tokens: TextTokenizer) -> bool:
    """Whether shape and end token are those that a file was calibrated for: a base model ends with another token."""
    facts = {**model}
    ends_alike = facts.pop(_EOS_TOKEN, None) == tokens.hf.eos_token
    return ends_alike and all(getattr(target.model.config, name, None) == value for name, value in facts.items())
