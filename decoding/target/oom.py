"""Turns out-of-memory errors into a return value.

The caller retries after the ``except`` block, because a live exception keeps the frames and their tensors alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


def within(work: Callable[[], T]) -> T | None:
    """The result of ``work``, None if memory ran out in it. Other errors pass through."""
    try:
        return work()
    except MemoryError:
        pass
    except RuntimeError as error:  # torch.OutOfMemoryError is a RuntimeError; on a CPU it is a plain RuntimeError
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def enough(work: Callable[[], object]) -> bool:
    """Whether memory sufficed for ``work``. Other errors pass through."""
    return within(lambda: (work(),)) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return "can't allocate memory" in text or "not enough memory" in text or "out of memory" in text
