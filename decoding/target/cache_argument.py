"""The name under which a model's forward takes its cache.

transformers calls it ``cache`` from 5.24 on and ``past_key_values`` before; models that bring their own code keep the
name that they were written with, some recurrent ones ``cache_params``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

_NAMES: Final = ("cache", "past_key_values", "cache_params")


def cache_argument(model: Any) -> str | None:
    """The name for this model's forward, None if it names no cache."""
    return _of_forward(type(model).forward)


@functools.cache
def _of_forward(forward: Callable[..., Any]) -> str | None:
    arguments = inspect.signature(forward).parameters
    return next((name for name in _NAMES if name in arguments), None)
