"""Running out of memory as an outcome: what did not fit is told from what broke, and recovery is never in the handler.

An exception holds the frames, and they hold the tensors; so nothing is tried again before it is gone.
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
    except RuntimeError as error:  # torch.OutOfMemoryError is one; on a CPU it is a plain one
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def enough(work: Callable[[], object]) -> bool:
    """Whether ``work`` ran without running out of memory."""
    return within(lambda: (work(),)) is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error)
    return "can't allocate memory" in text or "not enough memory" in text or "out of memory" in text
