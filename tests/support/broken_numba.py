"""numba as it is where it is installed but does not work: it cannot import, or finds no folder for its code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from decoding.target import attention

_LOOPS = ("attention_loops", "memory")


@contextmanager
def broken(monkeypatch: pytest.MonkeyPatch, *, imports: bool) -> Iterator[str]:
    """What numba says then. Outside, it works as before."""
    import numba

    for name in _LOOPS:
        monkeypatch.delitem(sys.modules, f"decoding.target.kernels.{name}", raising=False)
    if imports:

        def refuse(*_: object, **options: Any) -> None:
            raise RuntimeError("cannot cache function: no locator available")

        monkeypatch.setattr(numba, "cfunc", refuse)
        said = "no locator available"
    else:
        monkeypatch.setitem(sys.modules, "llvmlite", None)
        said = "import of llvmlite halted"
    _forget()
    try:
        yield said
    finally:
        _forget()


def _forget() -> None:
    attention._kernel.cache_clear()
    attention.why_no_machine_code.cache_clear()
