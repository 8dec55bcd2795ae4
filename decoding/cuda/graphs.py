"""Forwards in fixed shapes, each recorded once as a CUDA graph: a step is one copy to the device and one launch.

The first forward of a bucket runs as it is, the second is captured, all others replay it; padding writes where
nothing is committed. A model that cannot be captured decodes without graphs, and says so. Where nothing captures, as
on a CPU, the same forwards run as they are.

What overlaps: a step's one wait is for its choices (``logits.Likeliest``). A chunk of a joining prompt is launched
before drafting, an accepted path moves while the next step is drafted, and copies to the device queue with the rest.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.cuda.buckets import KEYS_STEP, NODES, Bucket, Inputs, bucket_for, power
from decoding.cuda.grouped_attention import shared_heads
from decoding.cuda.pool_cache import PoolCache
from decoding.target import oom
from decoding.target.capability import Verification
from decoding.target.hidden_states import Forward, capture_hidden_states
from decoding.target.masks import attention_masks
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache
from decoding.tree import TokenTree

log = logging.getLogger(__name__)

_MOST_GRAPHS = 96
_SHARE_OF_MEMORY = 0.25

Work = Callable[[], object]
Capture = Callable[[Work], Work]
"""Records work on fixed buffers; what it returns does the same again. It may raise whatever stands in the way."""


def pool_for(target: Target, rows: int) -> PoolCache | None:
    """A cache for up to ``rows`` sessions whose forwards have fixed shapes; None where there is to be none.

    ``target.graphs_note`` then says why.
    """
    on_cuda = target.device.type == "cuda"
    if target.graphs is False:
        target.graphs_note = target.graphs_note or "no: switched off"
    elif not on_cuda and not target.graphs:
        target.graphs_note = "no: the target is not on a CUDA device"
    elif target.verification is not Verification.TREE or len(_devices(target)) > 1:
        target.graphs_note = "no: the model keeps states, or is spread over devices"
    else:
        return _opened(target, rows, on_cuda=on_cuda)
    return None


def try_out(target: Target) -> str:
    """Whether forwards of a target run as CUDA graphs: yes, or no and why not. Three small ones tell."""
    pool = pool_for(target, 1)
    if pool is not None:
        pool.lengths.append(0)
        for _ in range(3):
            target.verify(TokenTree.of(0), pool).greedy(0)
    return target.graphs_note


def _opened(target: Target, rows: int, *, on_cuda: bool) -> PoolCache | None:
    pool = oom.within(lambda: _pool(target, power(rows)))
    if pool is None:
        target.graphs_note = "no: the memory does not suffice for a cache of fixed size"
        return None
    target.graphs_note = "yes" if on_cuda else "no: fixed shapes without graphs, which need a CUDA device"
    pool.runner = StaticRunner(target, pool, _capture_of(target))
    return pool


def _capture_of(target: Target) -> Callable[[], Capture] | None:
    return (lambda: CudaCapture(target.device)) if target.device.type == "cuda" else None


def _pool(target: Target, rows: int) -> PoolCache:
    """Room for whole contexts, or for what a quarter of the free memory holds; it grows when it must."""
    like = target.new_cache()
    assert isinstance(like, TreeCache)
    target.prefill([0], like)
    tokens = -(-(target.context_length + NODES[-1]) // KEYS_STEP) * KEYS_STEP
    fitting = int(_SHARE_OF_MEMORY * _free_bytes(target.device)) // (rows * like.token_bytes)
    return PoolCache(like, rows=rows, tokens=max(4 * KEYS_STEP, min(tokens, fitting // KEYS_STEP * KEYS_STEP)))


def _free_bytes(device: torch.device) -> int:
    if device.type != "cuda":
        return 0  # Elsewhere growth costs no graphs.
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _devices(target: Target) -> set[torch.device]:
    return {weight.device for weight in target.model.parameters()}


class CudaCapture:
    """Captures CUDA graphs that share one memory pool, since only one of them runs at a time."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._memory = torch.cuda.graph_pool_handle()
        self._stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def __call__(self, work: Work) -> Work:
        """Warm up on a side stream, as libraries set themselves up on first use, then record there."""
        with torch.cuda.device(self._device):
            return self._recorded(work)

    def _recorded(self, work: Work) -> Work:
        current: Any = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads go on using the device meanwhile.
            with torch.cuda.graph(graph, pool=self._memory, stream=self._stream, capture_error_mode="thread_local"):
                work()
        except BaseException:
            # PyTorch before 2.12 goes on counting a failed capture, and can then not empty its cache.
            with contextlib.suppress(RuntimeError):
                torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._memory)
            raise
        finally:
            torch.cuda.set_stream(current)  # A capture that fails leaves its own stream behind.
        return graph.replay


@dataclass(slots=True, eq=False)
class _Shape:
    """A bucket in use: its inputs, how often it was, and what replays it once it is captured."""

    inputs: Inputs
    uses: int = 0
    replay: Work | None = None


class StaticRunner:
    """The forwards behind all live rows of one pool. ``made`` makes what captures them, None: nothing does.

    At most ``most`` buckets are kept, the least recently used goes first.
    """

    def __init__(
        self, target: Target, cache: PoolCache, made: Callable[[], Capture] | None, *, most: int = _MOST_GRAPHS
    ) -> None:
        self._target = target
        self._owner = weakref.ref(cache)  # Who holds this one.
        self._made = made
        self._most = most
        self._is_broken = False
        self._start_over()

    @property
    def _cache(self) -> PoolCache:
        cache = self._owner()
        assert cache is not None, "a runner does not outlive its cache"
        return cache

    def _start_over(self) -> None:
        """Forget every graph, and the memory they shared: a pool of which all graphs are gone is not used again."""
        self._generation, self._keeps_hidden = self._cache.generation, self._target.keeps_hidden
        self._shapes: dict[Bucket, _Shape] = {}
        self._found: dict[tuple[int, int], Forward] = {}
        self._capture = self._made() if self._made is not None else None

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """Those in use, the least recently used first."""
        return tuple(self._shapes)

    def __call__(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        visible: Sequence[NDArray[np.bool_]],
    ) -> Forward | None:
        """Logits and states after the new tokens of every live row, which stay true in later forwards.

        None if they are too many, or if graphs do not work on this model.
        """
        rows, nodes, longest = len(tokens), max(map(len, tokens)), max(self._cache.lengths)
        bucket = bucket_for(rows, nodes, longest, room=self._cache.shape)
        if self._is_broken or bucket is None:
            return None
        self._cache.reserve(bucket.keys)
        if (self._generation, self._keeps_hidden) != (self._cache.generation, self._target.keeps_hidden):
            self._start_over()
        shape = self._shape(bucket)
        self._cache.is_warm = shape.replay is not None or self._capture is None
        shape.inputs.fill(tokens, positions, self._cache.lengths, visible)
        if shape.uses > 1 and self._capture is not None and not self._is_captured(shape, self._capture):
            return None
        if shape.replay is None:
            return self._forward(shape.inputs).first(rows, nodes)
        shape.replay()
        return self._found[bucket.rows, bucket.nodes].first(rows, nodes).copy()

    def _shape(self, bucket: Bucket) -> _Shape:
        shape = self._shapes.pop(bucket, None) or _Shape(Inputs.empty(bucket, self._target.device))
        shape.uses += 1
        self._shapes[bucket] = shape
        while len(self._shapes) > self._most:
            del self._shapes[next(iter(self._shapes))]
        return shape

    def _is_captured(self, shape: _Shape, capture: Capture) -> bool:
        """Whether there is something to replay. What a model does in a forward may forbid it for good."""
        if shape.replay is not None:
            return True
        try:
            shape.replay = capture(lambda: self._write(shape.inputs))
        except Exception as error:  # noqa: BLE001  # every library has its own way of saying that it cannot
            reason = str(error).strip().split("\n")[0][:160]
            log.warning("this model decodes without CUDA graphs: %s", reason)
            self._target.graphs, self._target.graphs_note = False, f"no: the model could not be captured: {reason}"
            self._is_broken = True
            self._start_over()
        return not self._is_broken

    def _write(self, inputs: Inputs) -> None:
        """The forward with what it gives in buffers of their own: graphs that share memory overwrite each other's."""
        found = self._forward(inputs)
        place = (inputs.bucket.rows, inputs.bucket.nodes)
        if place not in self._found:  # The warm-up run comes before the capture, so this is never captured.
            self._found[place] = found.copy()
        self._found[place].take(found)

    def _forward(self, inputs: Inputs) -> Forward:
        """Launches that depend on the bucket alone: everything else is on the device."""
        ids_BN, positions_BN, bases_B, visible_BNN = inputs.parts()
        target, bucket = self._target, inputs.bucket
        self._cache.aim(bases_B[:, None] + torch.arange(bucket.nodes, device=bases_B.device), bucket.keys)
        masks = attention_masks(
            target.attention, bases_B, positions_BN, visible_BNN, keys=bucket.keys, dtype=target.dtype
        )
        with shared_heads(target.model), capture_hidden_states(target.model, wanted=self._keeps_hidden) as heard:
            output = target.model(
                input_ids=ids_BN,
                position_ids=positions_BN,
                attention_mask=masks,
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=0,
            )
        logits_BNV = output.logits
        assert isinstance(logits_BNV, torch.Tensor)
        return Forward.of(logits_BNV, heard)
