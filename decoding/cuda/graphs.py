"""Forwards in fixed shapes, each recorded once as a CUDA graph: a step is one copy to the device and one launch.

The fixed shapes are buckets. A smaller forward is padded to its bucket: with rows beyond the live ones and tokens
after a tree, which no live node sees. Its inputs are one block, sent to the device in one copy.

The first forward of a bucket runs without a graph, the second is captured, all others replay it; padding writes where
nothing is committed. A model that cannot be captured decodes without graphs, and the note says so. Without a capture,
as on a CPU, the same forwards run uncaptured.

Work on the host and on the device overlaps: a step waits once, for its choices (``logits.Likeliest``). A chunk of a
new prompt is launched before drafting, an accepted path moves while the next step is drafted, and copies to the
device queue up with the rest. B rows, N new tokens a row, V vocabulary.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.cuda.grouped_attention import grouped_attention
from decoding.cuda.pool_cache import PoolCache
from decoding.target import oom
from decoding.target.cache_argument import cache_argument
from decoding.target.capability import Capability
from decoding.target.hidden_states import Forward, capture_hidden_states
from decoding.target.masks import attention_masks, padded_visibility
from decoding.target.placement import send
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache
from decoding.tree import TokenTree

log = logging.getLogger(__name__)

# The new tokens that a row may have in a bucket, and the step of its keys (``bucket_for``).
NODES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128)
KEYS_STEP = 256

# Graphs that are kept at most, and the part of the free memory that the pool's cache may take.
_MOST_GRAPHS = 96
_SHARE_OF_MEMORY = 0.25

Work = Callable[[], object]
Capture = Callable[[Work], Work]
"""Records work on fixed buffers and returns what replays it. It may raise anything if the work cannot be recorded."""


class CudaGraphs:
    """Whether the forwards of one target run as CUDA graphs; makes the caches whose forwards do.

    ``enabled``: None: where the device has them; True: in fixed shapes on any device; False: never. A model that could
    not be captured is not tried again.
    """

    def __init__(self, target: Target, *, enabled: bool | None = None) -> None:
        self._target = target
        self._enabled = enabled
        self._note = "no: switched off" if enabled is False else ""

    @property
    def note(self) -> str:
        """Whether forwards run as CUDA graphs: yes, or no and why not; empty before the first ``pool``."""
        return self._note

    def pool(self, rows: int) -> PoolCache | None:
        """A cache for up to ``rows`` sessions whose forwards have fixed shapes; None where there is to be none."""
        target, on_cuda = self._target, self._target.device.type == "cuda"
        if self._enabled is False:
            return None
        if not on_cuda and not self._enabled:
            self._note = "no: the target is not on a CUDA device"
            return None
        if target.capability is not Capability.TREE or len(_devices(target)) > 1:
            self._note = "no: the model keeps states, or is spread over devices"
            return None
        pool = oom.within(lambda: _pool(target, power(rows)))
        if pool is None:
            self._note = "no: the memory does not suffice for a cache of fixed size"
            return None
        self._note = "yes" if on_cuda else "no: fixed shapes without graphs, which need a CUDA device"
        pool.run_with(StaticRunner(target, pool, _capture_of(target), on_failure=self._switch_off))
        return pool

    def try_out(self) -> str:
        """The note after three small forwards, which is when a capture has worked or failed."""
        pool = self.pool(1)
        if pool is not None:
            pool.add_empty_row()
            for _ in range(3):
                self._target.verify(TokenTree.of(0), pool).greedy(0)
        return self._note

    def _switch_off(self, reason: str) -> None:
        self._enabled, self._note = False, f"no: the model could not be captured: {reason}"


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
    """Captures CUDA graphs that share one memory pool: only one of them runs at a time."""

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
    """A bucket in use: its inputs, how often it was used, and what replays its forward once that is captured."""

    inputs: Inputs
    uses: int = 0
    replay: Work | None = None


class StaticRunner:
    """The forwards over all live rows of one pool. ``make_capture`` makes what captures them; None: nothing does.

    At most ``most`` buckets are kept, the least recently used goes first. ``on_failure`` is told why a capture failed.
    """

    def __init__(
        self,
        target: Target,
        cache: PoolCache,
        make_capture: Callable[[], Capture] | None,
        *,
        most: int = _MOST_GRAPHS,
        on_failure: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._target = target
        self._owner = weakref.ref(cache)  # The pool holds its runner.
        self._make_capture = make_capture
        self._most = most
        self._on_failure = on_failure
        self._is_broken = False
        self._is_warm = True
        self._start_over()

    @property
    def is_warm(self) -> bool:
        """Whether the last forward took as long as the next one of its shape will: it was replayed, or none is."""
        return self._is_warm

    @property
    def _cache(self) -> PoolCache:
        cache = self._owner()
        assert cache is not None, "a runner does not outlive its cache"
        return cache

    def _start_over(self) -> None:
        """Forget every graph, and the memory that they shared: once all its graphs are gone, it is not used again."""
        self._generation = self._cache.generation
        self._shapes: dict[Bucket, _Shape] = {}
        self._outputs: dict[tuple[int, int], Forward] = {}
        self._capture = self._make_capture() if self._make_capture is not None else None

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """The buckets in use, the least recently used first."""
        return tuple(self._shapes)

    def __call__(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        visible: Sequence[NDArray[np.bool_]],
    ) -> Forward | None:
        """Logits and hidden states after the new tokens of every live row, in tensors that no later forward changes.

        None if there are too many tokens, or if graphs do not work on this model.
        """
        rows, nodes, longest = len(tokens), max(map(len, tokens)), max(self._cache.lengths)
        bucket = bucket_for(rows, nodes, longest, room=self._cache.shape)
        if self._is_broken or bucket is None:
            return None
        self._cache.reserve(bucket.keys)
        if self._generation != self._cache.generation:
            self._start_over()
        shape = self._shape(bucket)
        self._is_warm = shape.replay is not None or self._capture is None
        shape.inputs.fill(tokens, positions, self._cache.lengths, visible)
        if shape.uses > 1 and self._capture is not None and not self._is_captured(shape, self._capture):
            return None
        if shape.replay is None:
            return self._forward(shape.inputs).first(rows, nodes)
        shape.replay()
        return self._outputs[bucket.rows, bucket.nodes].first(rows, nodes).copy()

    def _shape(self, bucket: Bucket) -> _Shape:
        shape = self._shapes.pop(bucket, None) or _Shape(Inputs.empty(bucket, self._target.device))
        shape.uses += 1
        self._shapes[bucket] = shape
        while len(self._shapes) > self._most:
            del self._shapes[next(iter(self._shapes))]
        return shape

    def _is_captured(self, shape: _Shape, capture: Capture) -> bool:
        """Whether there is a graph to replay, captured now if need be. Some models can never be captured."""
        if shape.replay is not None:
            return True
        try:
            shape.replay = capture(lambda: self._write(shape.inputs))
        except Exception as error:  # noqa: BLE001  # every library has its own way of saying that it cannot
            reason = str(error).strip().split("\n")[0][:160]
            log.warning("this model decodes without CUDA graphs: %s", reason)
            self._is_broken = True
            self._on_failure(reason)
            self._start_over()
        return not self._is_broken

    def _write(self, inputs: Inputs) -> None:
        """Run the forward and copy its output to a buffer: graphs that share memory overwrite each other's outputs."""
        forward = self._forward(inputs)
        size = (inputs.bucket.rows, inputs.bucket.nodes)
        if size not in self._outputs:  # The warm-up run comes before the capture, so this is never captured.
            self._outputs[size] = forward.copy()
        self._outputs[size].overwrite(forward)

    def _forward(self, inputs: Inputs) -> Forward:
        """The forward itself, in launches that depend on the bucket alone: everything else is on the device."""
        ids_BN, positions_BN, bases_B, visible_BNN = inputs.parts()
        target, bucket = self._target, inputs.bucket
        self._cache.aim(bases_B[:, None] + torch.arange(bucket.nodes, device=bases_B.device), bucket.keys)
        masks = attention_masks(
            target.attention, bases_B, positions_BN, visible_BNN, keys=bucket.keys, dtype=target.dtype
        )
        with grouped_attention(target.model), capture_hidden_states(target.model, wanted=target.keeps_hidden) as hidden:
            output = target.model(
                input_ids=ids_BN,
                position_ids=positions_BN,
                attention_mask=masks,
                use_cache=True,
                logits_to_keep=0,
                **{cache_argument(target.model) or "past_key_values": self._cache},
            )
        logits_BNV = output.logits
        assert isinstance(logits_BNV, torch.Tensor)
        return Forward.of(logits_BNV, hidden)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The shape of a forward: rows, new tokens a row, tokens of the cache that it sees."""

    rows: int
    nodes: int
    keys: int


def bucket_for(rows: int, nodes: int, longest: int, *, room: tuple[int, int]) -> Bucket | None:
    """The least bucket that holds ``nodes`` new tokens after ``longest`` cached ones; None if there is none.

    Rows are a power of two, keys KEYS_STEP times a power of two or one and a half of it, but no more than the rows and
    tokens that there is ``room`` for. If the tokens do not fit the room, the keys exceed it, and the cache has to grow.
    """
    width = next((size for size in NODES if size >= nodes), None)
    if width is None:
        return None
    steps = (step for power in itertools.count() for step in (KEYS_STEP << power, (KEYS_STEP << power) * 3 // 2))
    keys = next(step for step in steps if step >= longest + width)
    capacity = room[1] if longest + width <= room[1] else keys
    return Bucket(min(power(rows), room[0]), width, min(keys, capacity))


def power(rows: int) -> int:
    """The least power of two that is at least ``rows``."""
    return 1 << max(0, rows - 1).bit_length()


@dataclass(slots=True, eq=False)
class Inputs:
    """All that a forward needs from the host, in one block, which is one copy a step.

    The ids and positions of the new tokens, the number of tokens cached before them, and which of them see which.
    """

    bucket: Bucket
    block: torch.Tensor

    @classmethod
    def empty(cls, bucket: Bucket, device: torch.device) -> Inputs:
        """Room for the inputs of a bucket."""
        tokens = bucket.rows * bucket.nodes
        size = 8 * (2 * tokens + bucket.rows) + tokens * bucket.nodes
        return cls(bucket, torch.zeros(size, dtype=torch.uint8, device=device))

    def parts(self) -> Iterator[torch.Tensor]:
        """ids_BN, positions_BN, bases_B and visible_BNN: views of the block."""
        rows, nodes = self.bucket.rows, self.bucket.nodes
        tokens = rows * nodes
        numbers = self.block[: 8 * (2 * tokens + rows)].view(torch.int64)
        yield numbers[:tokens].view(rows, nodes)
        yield numbers[tokens : 2 * tokens].view(rows, nodes)
        yield numbers[2 * tokens :]
        yield self.block[8 * (2 * tokens + rows) :].view(torch.bool).view(rows, nodes, nodes)

    def fill(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        bases: Sequence[int],
        visible: Sequence[NDArray[np.bool_]],
    ) -> None:
        """Send the inputs of the next forward; padding sees itself and the cached tokens of its row."""
        rows, nodes = self.bucket.rows, self.bucket.nodes
        numbers = np.zeros(2 * rows * nodes + rows, dtype=np.int64)
        ids_BN, positions_BN = numbers[: 2 * rows * nodes].reshape(2, rows, nodes)
        for row, (own, own_positions) in enumerate(zip(tokens, positions, strict=True)):
            ids_BN[row, : len(own)] = own
            positions_BN[row, : len(own)] = own_positions
        numbers[2 * rows * nodes :][: len(bases)] = bases
        visible_BNN = padded_visibility(visible, rows=rows, nodes=nodes)
        block = np.concatenate([numbers.view(np.uint8), visible_BNN.view(np.uint8).ravel()])
        send(torch.from_numpy(block), self.block)
