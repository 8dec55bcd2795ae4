"""Compiles the inner loops of drafting with numba where it is installed; else they run as plain Python, as they stand.

The same functions either way, so the drafts are equal; only the time differs. Import a module of such functions late:
numba itself takes a while to import.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
PLAIN = "SPANDRAFT_PLAIN_PYTHON"


def compiled(function: Function) -> Function:
    """``function`` as machine code, kept on disk between runs (NUMBA_CACHE_DIR says where)."""
    if os.environ.get(PLAIN) or importlib.util.find_spec("numba") is None:
        return function
    import numba

    return cast(Function, numba.njit(function, cache=True, error_model="numpy"))
