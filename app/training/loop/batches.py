"""Batches on their way to the device: in order, made ahead by worker processes where the device would wait for them.

Knows that a batch is a pure function of its number, made of tensors and containers. Must not know what it means.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import torch

_RUN = 16
"""Batches that a worker makes at a time: neighbours share a pool of examples, of 8 or 16."""


class Numbered(Protocol):
    """Anything with batches by number."""

    def batch(self, number: int) -> Any:
        """The batch of this number."""
        ...


@contextmanager
def batches_ahead(batches: Numbered, first: int, last: int, *, workers: int) -> Iterator[Iterator[Any]]:
    """Batches `first` to before `last`, in order; `workers` 0: each is made when it is asked for."""
    if workers == 0:
        yield (batches.batch(number) for number in range(first, last))
        return
    # Spawned, not forked: the device and its threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, (batches,)) as pool:
        try:
            yield _ordered(pool, first, last, ahead=2 * workers)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _ordered(pool: ProcessPoolExecutor, first: int, last: int, *, ahead: int) -> Iterator[Any]:
    # Runs begin at multiples of their length, so that a run that goes on in the middle shares the pools' borders.
    starts = iter(range(first - first % _RUN, last, _RUN))
    waiting: deque[Future[bytes]] = deque()
    while True:
        for start in starts:
            waiting.append(pool.submit(_make, max(first, start), min(last, start + _RUN)))
            if len(waiting) >= ahead:
                break
        if not waiting:
            return
        yield from pickle.loads(waiting.popleft().result())


class _Worker:
    """The process's own copy of what makes batches, set once at its start."""

    batches: Numbered


def _begin(batches: Numbered) -> None:
    import torch

    torch.set_num_threads(1)
    _Worker.batches = batches


def _make(first: int, last: int) -> bytes:
    """Pickled by value: torch's own way through shared memory needs an open file for each tensor."""
    return pickle.dumps([_Worker.batches.batch(number) for number in range(first, last)])


def to_device(batch: Any, device: torch.device) -> Any:
    """The same batch with its tensors on `device`.

    Tensors inside dataclasses, tuples, lists and mappings are copied; everything else stays as it is.
    """
    if device.type == "cpu":
        return batch
    if isinstance(batch, torch.Tensor):
        return batch.to(device, non_blocking=True)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        changes = {f.name: to_device(getattr(batch, f.name), device) for f in dataclasses.fields(batch) if f.init}
        return dataclasses.replace(batch, **changes)
    if isinstance(batch, tuple | list):
        return type(batch)(to_device(item, device) for item in batch)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    return batch
