"""Prefixes: caches of finished sessions, kept so that a prompt that begins alike need not be read again.

A follow-up question shares the whole conversation, the sentences of one text share the instruction. Bounded in
bytes, the least recently used goes first. Knows token ids and caches, not sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from decoding.target.capability import SessionCache

SHORTEST = 16
DEFAULT_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class _Entry:
    tokens_T: NDArray[np.int64]
    cache: SessionCache

    @property
    def size_bytes(self) -> int:
        return self.cache.token_bytes * len(self.tokens_T)


class PrefixCache:
    """Token sequences with their single-row caches. Not thread-safe; the batch asks under its own turn."""

    def __init__(self, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._entries: list[_Entry] = []  # The most recently used last.

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, prompt: Sequence[int], empty: Callable[[], SessionCache]) -> SessionCache:
        """A cache that holds the longest known beginning of ``prompt``, never all of it; empty if none is known."""
        prompt_T = np.asarray(prompt[:-1], dtype=np.int64)
        shared = [entry.cache.reach(_common(entry.tokens_T, prompt_T)) for entry in self._entries]
        best = max(range(len(shared)), key=shared.__getitem__, default=None)
        if best is None or shared[best] < SHORTEST:
            return empty()
        entry = self._entries.pop(best)
        self._entries.append(entry)
        return _copy(entry.cache, 0, shared[best], empty())

    def store(self, tokens: Sequence[int], cache: SessionCache, row: int, empty: Callable[[], SessionCache]) -> None:
        """Keep what a row holds: the cache of ``tokens``. It replaces what it continues."""
        length = min(len(tokens), cache.lengths[row])
        tokens_T = np.asarray(tokens[:length], dtype=np.int64)
        if length < SHORTEST or cache.token_bytes * length > self._limit_bytes:
            return
        self._entries = [one for one in self._entries if _common(one.tokens_T, tokens_T) < len(one.tokens_T)]
        self._entries.append(_Entry(tokens_T, _copy(cache, row, length, empty())))
        while sum(entry.size_bytes for entry in self._entries) > self._limit_bytes:
            del self._entries[0]

    def clear(self) -> None:
        """Forget everything: memory is short, or a text must not stay."""
        self._entries.clear()


def _common(known_T: NDArray[np.int64], prompt_T: NDArray[np.int64]) -> int:
    size = min(known_T.size, prompt_T.size)
    differing = np.flatnonzero(known_T[:size] != prompt_T[:size])
    return int(differing[0]) if differing.size else size


def _copy(source: SessionCache, row: int, length: int, empty: SessionCache) -> SessionCache:
    empty.lengths.clear()
    empty.add_row(source, row=row)
    empty.rewind(length)
    return empty
