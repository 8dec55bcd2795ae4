"""Runs kernels on one thread or on those that torch uses, and fills in their orders.

torch's threads belong to OpenMP's library, which starts a function on all of them when asked: with threads of our own
beside them there would be more threads than cores, each waiting for a core that another spins on. Where that library
is another, kernels run on one thread. Does not know numba.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import torch


def run(address: int, shares: int, orders: tuple[int, ...], *, threads: int = 1) -> None:
    """Run the kernel at an address until all its shares are done."""
    block = array("q", (0, shares, *orders))
    where, _ = block.buffer_info()
    team = _team() if threads > 1 and shares > 1 else None
    if team is None:
        _function(address)(where)
    else:
        team(address, where, min(threads, shares), 0)


@functools.cache
def _function(address: int) -> Callable[[int], None]:
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)


@functools.cache
def _team() -> Callable[[int, int, int, int], None] | None:
    """OpenMP's own start of a parallel region, from the library that torch brought along."""
    if sys.platform != "linux":
        return None
    own = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    for name in [*map(str, own), "libgomp.so.1"]:
        try:
            # Only what is loaded already: another copy would have threads of its own.
            library = ctypes.CDLL(name, mode=_LOADED_ALREADY)
        except OSError:
            continue
        start = library.GOMP_parallel
        start.argtypes, start.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
        return start
    return None


_LOADED_ALREADY = 4  # RTLD_NOLOAD of the C library on Linux.
