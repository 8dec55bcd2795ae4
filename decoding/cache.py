"""A key-value cache of our own for unmodified Hugging Face models: preallocated, rolled back, compacted in place.

A forward pass appends the keys and values of all tree nodes; ``keep`` then moves the accepted path to the front
of them and forgets the rest. B batch, H key-value heads, T tokens, D head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

_GROWTH = 256


class _Layer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # transformers leaves its hook untyped
    """Keys and values of one layer in buffers (B, H, capacity, D), of which the first ``length`` tokens are live."""

    is_sliding = False
    is_compileable = False

    def __init__(self) -> None:
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None
        self.is_initialized = False
        self.length = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self.keys = key_states.new_empty((*key_states.shape[:2], 0, key_states.shape[3]))
        self.values = value_states.new_empty((*value_states.shape[:2], 0, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (B, H, N, D) keys and values; return all live ones as views, without copying."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, end = self.length, self.length + key_states.shape[2]
        self.reserve(end)
        assert self.keys is not None
        assert self.values is not None
        self.keys[:, :, start:end] = key_states
        self.values[:, :, start:end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def reserve(self, tokens: int) -> None:
        """Make room for ``tokens`` tokens in all."""
        assert self.keys is not None
        assert self.values is not None
        capacity = self.keys.shape[2]
        if tokens <= capacity:
            return
        grown = max(tokens, 2 * capacity, _GROWTH)
        self.keys = _grow(self.keys, grown, self.length)
        self.values = _grow(self.values, grown, self.length)

    def keep(self, index: torch.Tensor | None, start: int, count: int) -> None:
        """Move the rows ``index`` to ``start`` onwards; None means they stand there already."""
        if index is not None and self.keys is not None and self.values is not None:
            self.keys[:, :, start : start + count] = self.keys.index_select(2, index)
            self.values[:, :, start : start + count] = self.values.index_select(2, index)
        self.length = start + count

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        return self.length

    def get_max_length(self) -> int:
        return -1


def _grow(buffer: torch.Tensor, capacity: int, live: int) -> torch.Tensor:
    grown = buffer.new_empty((*buffer.shape[:2], capacity, buffer.shape[3]))
    grown[:, :, :live] = buffer[:, :, :live]
    return grown


class TreeCache(Cache):
    """Keys and values of the committed tokens, and during a step those of the tree nodes behind them."""

    def __init__(self, layers: int) -> None:
        self._rows = [_Layer() for _ in range(layers)]
        super().__init__(layers=[*self._rows])

    @property
    def length(self) -> int:
        """Live tokens."""
        return self._rows[0].length

    @torch.inference_mode()
    def keep(self, base: int, path: Sequence[int]) -> None:
        """After a forward over tree nodes laid out from ``base`` on: keep node 0 and the nodes ``path``.

        Nothing moves if the path is a prefix of the layout, as it is for an accepted chain.
        """
        nodes = [0, *path]
        in_place = nodes == list(range(len(nodes)))
        for layer in self._rows:
            index = None
            if not in_place and layer.keys is not None:
                index = torch.tensor([base + node for node in nodes], device=layer.keys.device)
            layer.keep(index, base, len(nodes))

    def rewind(self, length: int) -> None:
        """Forget everything after the first ``length`` tokens."""
        for layer in self._rows:
            layer.keep(None, length, 0)
