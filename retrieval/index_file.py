"""One index of a corpus as a file: read when a corpus is opened, written when much has changed, and known to be of it.

A file says for each row which passage it was made from. So a file of another corpus, of an older copy of this one or
of another way of cutting is never searched, whatever numbers its rows have. Knows nothing of what blocks hold.
P passages of a store, N rows of a block.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic

import numpy as np
from numpy.typing import NDArray

from corpora.errors import DamagedIndex, LibraryError
from corpora.store.index_files import IndexFile, IndexFolder, IndexHeader, load_part
from retrieval.interfaces import PassageStore
from retrieval.segments import B, Part

log = logging.getLogger(__name__)

ROWS: Final = "rows"
SOURCES: Final = "sources"


@dataclass(frozen=True, slots=True, eq=False)
class CorpusSnapshot:
    """All passages that there are at one version: their rows in order, and a fingerprint of each one's id."""

    version: int
    generation: int
    rows_P: NDArray[np.int64]
    sources_P: NDArray[np.int64]

    @classmethod
    def of(cls, store: PassageStore) -> CorpusSnapshot:
        """As the store is now."""
        with store.snapshot() as version:
            generation, ids = store.generation(), store.passage_ids()
        digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for _, name in ids)
        rows_P = np.fromiter((row for row, _ in ids), dtype=np.int64, count=len(ids))
        return cls(version, generation, rows_P, numbers(digests))

    def sources_of(self, rows_N: NDArray[np.int64]) -> NDArray[np.int64]:
        """The fingerprints of rows; 0 for those that are gone."""
        if not self.rows_P.size:
            return np.zeros(len(rows_N), dtype=np.int64)
        at_N = np.searchsorted(self.rows_P, rows_N).clip(max=len(self.rows_P) - 1)
        return np.where(self.rows_P[at_N] == rows_N, self.sources_P[at_N], 0)


class KeptIndex(Generic[B]):
    """The file of one kind of index, beside a corpus. ``block`` is what it is made of."""

    def __init__(self, files: IndexFolder, kind: str, block: type[B]) -> None:
        self.path = files.path(kind)
        self._files = files
        self._kind = kind
        self._block = block

    def load(self, now: CorpusSnapshot) -> Part[B] | None:
        """What the file holds, without rows that are gone; None if there is none that is of this corpus.

        Raises ``DamagedIndex``, ``NewerSchema``.
        """
        found = self._files.load(self._kind)
        if found is None or found.header.generation != now.generation:
            return None
        try:
            block, sources_N = self._read(found)
        except ValueError as error:
            raise DamagedIndex(
                f"the index file {self.path} is damaged: {error}",
                hint=f"nothing is lost; make it anew: spandraft corpus rebuild {self._files.folder.parent.name}",
            ) from error
        standing_N = now.sources_of(block.rows_N)
        alive_N = standing_N != 0
        if (standing_N[alive_N] != sources_N[alive_N]).any():
            log.warning("%s is of another corpus or of an older copy of this one: it is made anew", self.path)
            return None
        return Part(block, alive_N)

    def is_of(self, block: B, now: CorpusSnapshot) -> bool:
        """Whether the file is whole and holds what this block does, which is of now."""
        try:
            found = self._files.load(self._kind, mapped=True)
        except LibraryError:
            return False
        if found is None or found.header.generation != now.generation or not found.parts.keys() >= {ROWS, SOURCES}:
            return False
        rows, sources = numbers(found.parts[ROWS]), numbers(found.parts[SOURCES])
        return np.array_equal(np.sort(rows), np.sort(block.rows_N)) and np.array_equal(sources, now.sources_of(rows))

    def save(self, block: B, now: CorpusSnapshot) -> None:
        """Put a file with this block in the place of the old one. Inside ``writing()``. Raises OSError."""
        sources_N = now.sources_of(block.rows_N)
        assert sources_N.all(), "nothing that is gone is written"
        count = len(block.rows_N)
        header = IndexHeader(
            kind=self._kind,
            last_row=int(block.rows_N.max(initial=0)),
            version=now.version,
            generation=now.generation,
            count=count,
        )
        arrays = {ROWS: block.rows_N.astype("<i8"), SOURCES: sources_N.astype("<i8"), **block.packed()}
        self._files.save(header, {name: _bytes_of(array) for name, array in arrays.items()})

    def _read(self, found: IndexFile) -> tuple[B, NDArray[np.int64]]:
        if not found.parts.keys() >= {ROWS, SOURCES}:
            raise ValueError("it names no rows")
        rows_N, sources_N = numbers(found.parts[ROWS]), numbers(found.parts[SOURCES])
        if not len(rows_N) == len(sources_N) == found.header.count:
            raise ValueError("its rows are not as many as it says")
        return self._block.unpacked(rows_N, found.parts), sources_N


def holds_only(path: Path, now: CorpusSnapshot) -> bool:
    """Whether an index file, of whatever kind, is known to hold nothing but passages that there are."""
    try:
        rows, sources = load_part(path, ROWS), load_part(path, SOURCES)
    except LibraryError:
        return False
    if rows is None or sources is None or len(rows) != len(sources):
        return False
    standing_N = now.sources_of(numbers(rows))
    return bool(standing_N.all()) and np.array_equal(standing_N, numbers(sources))


def numbers(part: bytes | memoryview) -> NDArray[np.int64]:
    """Rows, or what they were made from, as they stand in a file."""
    return np.frombuffer(part, dtype="<i8").astype(np.int64)


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """Without a copy where it can be; a view of nothing cannot be made."""
    return np.ascontiguousarray(array).data.cast("B") if array.size else memoryview(b"")
