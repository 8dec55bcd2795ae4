"""Where the target goes and how coarse its weights are, from settings to transformers' loading options.

Loads nothing.
"""

from __future__ import annotations

import json
from typing import Any, Final

from app.config.settings import NOT_SET, Settings

_QUANTIZATIONS: Final = {"4bit": {"load_in_4bit": True}, "8bit": {"load_in_8bit": True}}


def loading_options(settings: Settings) -> dict[str, Any]:
    """``device_map`` and ``quantization_config``, as far as they are set."""
    options: dict[str, Any] = {}
    if settings.device_map != NOT_SET:
        options["device_map"] = _table(settings.device_map)
    if settings.quantization_config != NOT_SET:
        named = _QUANTIZATIONS.get(settings.quantization_config)
        options["quantization_config"] = named or _table(settings.quantization_config)
    return options


def _table(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text
