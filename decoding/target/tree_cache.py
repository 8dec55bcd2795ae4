"""A key-value cache for unmodified Hugging Face models: many rows, each rolled back and compacted in place.

A row holds one session. A forward writes the keys and values of all tree nodes after each row's committed tokens,
at a different offset in each row; ``keep_rows`` then moves the accepted paths to the front and forgets the rest.
R rows of the buffers, B rows of one forward, H key-value heads, N nodes, K keys seen, D head size.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.cache_utils import Cache, CacheLayerMixin

from decoding.target.hidden_states import Forward
from decoding.target.placement import to_device

_GROWTH = 256


@dataclass(slots=True)
class _Window:
    """Rows ``first`` to ``last`` (exclusive) of the current forward, the slots it writes to, and the ``keys`` it sees.

    A slot is the position of a token in a row of the buffers. ``start``: the slots are the same run from there in every
    row, which is written without an index; otherwise ``slots_BN`` has them.
    """

    first: int = 0
    last: int = 1
    start: int | None = 0
    slots_BN: torch.Tensor | None = None
    keys: int = 0

    @property
    def rows(self) -> slice:
        return slice(self.first, self.last)


class _Layer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # transformers leaves its hook untyped
    """Keys and values of one layer in buffers (R, H, capacity, D).

    Buffers begin as zeros: unwritten slots are masked, and a masked NaN would still be NaN.
    """

    is_sliding = False
    is_compileable = False

    def __init__(self, cache: TreeCache) -> None:
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None
        self.is_initialized = False
        # Weak, so that buffers are freed with their cache and do not wait for the garbage collector.
        self._owner = weakref.ref(cache)

    @property
    def _cache(self) -> TreeCache:
        cache = self._owner()
        assert cache is not None, "a layer does not outlive its cache"
        return cache

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        rows, capacity = self._cache.shape
        self.keys = key_states.new_zeros((rows, key_states.shape[1], capacity, key_states.shape[3]))
        self.values = value_states.new_zeros((rows, value_states.shape[1], capacity, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write (B, H, N, D) keys and values to the window's slots; return views of all that it sees."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        window = self._cache.window
        keys, values = self.keys[window.rows], self.values[window.rows]
        if window.start is not None:
            end = window.start + key_states.shape[2]
            keys[:, :, window.start : end] = key_states
            values[:, :, window.start : end] = value_states
        else:
            assert window.slots_BN is not None
            rows_B1 = torch.arange(keys.shape[0], device=keys.device)[:, None]
            slots_BN = window.slots_BN.to(keys.device)  # A model spread over devices has its layers elsewhere.
            keys[rows_B1, :, slots_BN] = key_states.transpose(1, 2)
            values[rows_B1, :, slots_BN] = value_states.transpose(1, 2)
        return keys[:, :, : window.keys], values[:, :, : window.keys]

    def adopt(self, name: str, buffer: torch.Tensor) -> None:
        """Use (R, H, capacity, D) as the buffer of the ``keys`` or the ``values``."""
        setattr(self, name, buffer)
        self.dtype, self.device, self.is_initialized = buffer.dtype, buffer.device, True

    def resize(self, rows: int, capacity: int) -> None:
        """Make the buffers larger."""
        if self.keys is not None and self.values is not None:
            self.keys = _grown(self.keys, rows, capacity)
            self.values = _grown(self.values, rows, capacity)

    def move(self, rows: slice, to_BM: torch.Tensor, from_BM: torch.Tensor) -> None:
        """In each of ``rows``, copy the tokens at ``from_BM`` to ``to_BM``."""
        if self.keys is None or self.values is None:
            return
        to_BM, from_BM = to_BM.to(self.keys.device), from_BM.to(self.keys.device)
        rows_B1 = torch.arange(to_BM.shape[0], device=to_BM.device)[:, None]
        for buffer in (self.keys[rows], self.values[rows]):
            buffer[rows_B1, :, to_BM] = buffer[rows_B1, :, from_BM]

    def copy_row(self, row: int, source: _Layer, source_row: int, length: int) -> None:
        """Copy the first ``length`` tokens of a row of another layer, or of this one, to ``row``."""
        if source.keys is None or source.values is None:
            return
        if not self.is_initialized:
            self.lazy_initialization(source.keys, source.values)
        assert self.keys is not None
        assert self.values is not None
        self.keys[row, :, :length] = source.keys[source_row, :, :length]
        self.values[row, :, :length] = source.values[source_row, :, :length]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._cache.window.keys, 0

    def get_seq_length(self) -> int:
        return self._cache._lengths[self._cache.window.first]

    def get_max_length(self) -> int:
        return -1


def _grown(buffer: torch.Tensor, rows: int, capacity: int) -> torch.Tensor:
    grown = buffer.new_zeros((rows, buffer.shape[1], capacity, buffer.shape[3]))
    grown[: buffer.shape[0], :, : buffer.shape[2]] = buffer
    return grown


class Runner(Protocol):
    """Computes forwards over one tree after each live row of a cache, in fixed shapes (``decoding.cuda.graphs``)."""

    @property
    def is_warm(self) -> bool:
        """Whether the last forward took as long as the next one of its shape will."""
        ...

    def __call__(
        self,
        tokens: Sequence[Sequence[int]],
        positions: Sequence[Sequence[int]],
        visible: Sequence[NDArray[np.bool_]],
    ) -> Forward | None:
        """The forward over the new tokens of each row, of which ``visible`` says who sees whom; None if it cannot."""
        ...


class TreeCache(Cache):
    """Keys and values of the committed tokens of each row; during a step those of the tree nodes after them.

    It begins with ``rows`` empty rows. Live rows have no gaps from row 0 on. ``runner`` computes the forwards over
    all live rows in fixed shapes, where there is one.
    """

    def __init__(self, layers: int, *, rows: int = 1) -> None:
        self._runner: Runner | None = None
        self._lengths: list[int] = [0] * rows
        self.window = _Window()
        self._capacity = 0
        self._rows_allocated = max(rows, 1)
        self._own = [_Layer(self) for _ in range(layers)]
        super().__init__(layers=[*self._own])

    @property
    def runner(self) -> Runner | None:
        """What computes forwards over all live rows in fixed shapes; None: the model is called directly."""
        return self._runner

    @property
    def lengths(self) -> tuple[int, ...]:
        """Committed tokens of each live row."""
        return tuple(self._lengths)

    @property
    def length(self) -> int:
        """Committed tokens of row 0."""
        return self._lengths[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and tokens that the buffers have room for."""
        return self._rows_allocated, self._capacity

    @property
    def token_bytes(self) -> int:
        """Bytes that one token of one row takes in all layers; 0 before the first forward."""
        return sum(
            buffer.shape[1] * buffer.shape[3] * buffer.element_size()
            for layer in self._own
            for buffer in (layer.keys, layer.values)
            if buffer is not None
        )

    def write(self, nodes: int, *, first: int = 0, rows: int = 1) -> _Window:
        """Prepare a forward of ``nodes`` tokens after each of ``rows`` rows from ``first`` on; its window."""
        starts = self._lengths[first : first + rows]
        end = max(starts) + nodes
        self.reserve(end)
        self.window = _Window(first, first + rows, starts[0] if min(starts) == max(starts) else None, None, end)
        if self.window.start is None:
            starts_B1 = torch.tensor(starts)[:, None]
            self.window.slots_BN = to_device(starts_B1 + torch.arange(nodes), self._device())
        return self.window

    def aim(self, slots_BN: torch.Tensor, keys: int) -> None:
        """Prepare a forward over the first B rows that writes to the slots that ``slots_BN`` has when it runs.

        It sees ``keys`` tokens of each row. The caller has reserved room.
        """
        self.window = _Window(0, slots_BN.shape[0], None, slots_BN, keys)

    @torch.inference_mode()
    def keep(self, base: int, path: Sequence[int]) -> None:
        """After a forward over one tree after the ``base`` tokens of row 0: keep its root and the nodes ``path``."""
        assert base == self._lengths[0], "a tree begins after the committed tokens"
        self.keep_rows([path])

    @torch.inference_mode()
    def keep_rows(self, paths: Sequence[Sequence[int] | None], *, first: int = 0) -> None:
        """After a forward over a tree in each row from ``first`` on: keep the root and the nodes of its path.

        None keeps nothing of that row's tree. Nothing moves where the path is a prefix of the layout, as it is for
        an accepted chain.
        """
        bases = self._lengths[first : first + len(paths)]
        kept = [0 if path is None else 1 + len(path) for path in paths]
        moves = [
            [(base + to, base + node) for to, node in enumerate(path or (), start=1) if node != to]
            for base, path in zip(bases, paths, strict=True)
        ]
        longest = max(map(len, moves))
        if longest:
            # Rows with fewer moves are padded with moves of their first slot onto itself.
            pairs = torch.tensor([row + [(base, base)] * (longest - len(row)) for base, row in zip(bases, moves)])  # noqa: B905
            to_BM, from_BM = to_device(pairs, self._device()).unbind(-1)
            self._move(slice(first, first + len(paths)), to_BM, from_BM)
        self._lengths[first : first + len(paths)] = [base + count for base, count in zip(bases, kept, strict=True)]

    def rewind(self, length: int, *, row: int = 0) -> None:
        """Forget everything after the first ``length`` tokens of a row."""
        assert 0 <= length <= self._lengths[row]
        self._lengths[row] = length

    def reach(self, length: int, *, row: int = 0) -> int:
        """How many tokens, at most ``length``, a row can be cut back to: any number."""
        return min(length, self._lengths[row])

    def append(self, tokens: int, *, row: int = 0) -> None:
        """Count ``tokens`` just written after a row as committed."""
        self._lengths[row] += tokens

    def reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` tokens in every row."""
        if capacity > self._capacity:
            self._resize(self._rows_allocated, max(capacity, 2 * self._capacity, _GROWTH))

    @torch.inference_mode()
    def add_row(self, source: TreeCache, *, row: int = 0) -> int:
        """Copy a row of another cache after the live rows; its number here."""
        length, new = source._lengths[row], len(self._lengths)
        if new == self._rows_allocated:
            self._resize(2 * new, self._capacity)
        self.reserve(length)
        self._lengths.append(length)
        for own, other in zip(self._own, source._own, strict=True):
            own.copy_row(new, other, row, length)
        return new

    @torch.inference_mode()
    def drop_row(self, row: int) -> None:
        """Remove a row; the last live row takes its number."""
        last = len(self._lengths) - 1
        if row != last:
            for layer in self._own:
                layer.copy_row(row, layer, last, self._lengths[last])
            self._lengths[row] = self._lengths[last]
        self._lengths.pop()

    def _move(self, rows: slice, to_BM: torch.Tensor, from_BM: torch.Tensor) -> None:
        for layer in self._own:
            layer.move(rows, to_BM, from_BM)

    def _resize(self, rows: int, capacity: int) -> None:
        for layer in self._own:
            layer.resize(rows, capacity)
        self._rows_allocated, self._capacity = rows, capacity

    def _device(self) -> torch.device:
        """Where index tensors go first."""
        keys = self._own[0].keys
        return torch.device("cpu") if keys is None else keys.device
