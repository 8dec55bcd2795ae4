"""Keeps the caches of finished sessions, so that a prompt with the same beginning need not be read again.

A follow-up question shares the whole conversation, the sentences of one text share the instruction. The size is
bounded in bytes, and the least recently used entry goes first. Knows token ids and caches, not sessions.
T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.target.session_cache import SessionCache

SHORTEST = 16
DEFAULT_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class _Entry:
    """Token ids and the cache, of one row, that was made by reading them."""

    tokens_T: NDArray[np.int64]
    cache: SessionCache

    @property
    def size_bytes(self) -> int:
        return self.cache.token_bytes * len(self.tokens_T)


class PrefixCache:
    """Token sequences with their single-row caches. ``new_cache`` makes a cache of so many empty rows.

    Not thread-safe: the scheduler uses it under its own lock.
    """

    def __init__(self, limit_bytes: int, new_cache: Callable[[int], SessionCache]) -> None:
        self._limit_bytes = limit_bytes
        self._new_cache = new_cache
        self._entries: list[_Entry] = []  # The most recently used last.

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, prompt: Sequence[int]) -> SessionCache:
        """A cache that holds the longest known beginning of ``prompt``, never all of it; empty if none is known."""
        prompt_T = np.asarray(prompt[:-1], dtype=np.int64)
        shared = [entry.cache.reach(_common(entry.tokens_T, prompt_T)) for entry in self._entries]
        best = max(range(len(shared)), key=shared.__getitem__, default=None)
        if best is None or shared[best] < SHORTEST:
            return self._new_cache(1)
        entry = self._entries.pop(best)
        self._entries.append(entry)
        return self._copy(entry.cache, 0, shared[best])

    def store(self, tokens: Sequence[int], cache: SessionCache, row: int) -> None:
        """Keep a copy of a row, which holds the cache of ``tokens``. It replaces the entries that it continues."""
        length = min(len(tokens), cache.lengths[row])
        tokens_T = np.asarray(tokens[:length], dtype=np.int64)
        if length < SHORTEST or cache.token_bytes * length > self._limit_bytes:
            return
        self._entries = [entry for entry in self._entries if _common(entry.tokens_T, tokens_T) < len(entry.tokens_T)]
        self._entries.append(_Entry(tokens_T, self._copy(cache, row, length)))
        while sum(entry.size_bytes for entry in self._entries) > self._limit_bytes:
            del self._entries[0]

    def clear(self) -> None:
        """Forget everything: memory is short, or a text must not stay."""
        self._entries.clear()

    def _copy(self, source: SessionCache, row: int, length: int) -> SessionCache:
        """The first ``length`` tokens of a row, in a cache of its own."""
        copy = self._new_cache(0)
        copy.add_row(source, row=row)
        copy.rewind(length)
        return copy


def _common(known_T: NDArray[np.int64], prompt_T: NDArray[np.int64]) -> int:
    size = min(known_T.size, prompt_T.size)
    differing = np.flatnonzero(known_T[:size] != prompt_T[:size])
    return int(differing[0]) if differing.size else size
