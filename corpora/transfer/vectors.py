"""Vectors in an export: safetensors files of float32, written and read as a stream.

    vectors   (R, D) float32, unit vectors
    counts    (P,) int32, how many of them belong to each passage, in the order of the documents and their passages

R rows, D dimensions, P passages. Knows nothing of what the vectors are of.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from corpora.transfer.archive import PartStream
from corpora.transfer.format import Part, require

_MOST_HEADER_BYTES = 4096
_MOST_ROWS_OF_A_PASSAGE = 16_384
_FLOAT = np.dtype("<f4")
_COUNT = np.dtype("<i4")
_NORM_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class VectorKind:
    """A kind of derived rows that are float32 vectors. ``part`` is the name of its file in the archive, without suffix.

    ``one_each``: a passage has exactly one; else it has any number, of the same dimension as the first kind.
    """

    kind: str
    part: str
    one_each: bool = True

    @property
    def file(self) -> str:
        """The name of its file in the archive."""
        return f"{self.part}.safetensors"


def vector_file(counts: Sequence[int], dimension: int, rows: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a safetensors file; ``rows`` are the vectors of one passage after the other."""
    counts_P = np.asarray(counts, dtype=_COUNT)
    total = int(counts_P.sum())
    header = json.dumps(_header(len(counts_P), total, dimension)).encode()
    header += b" " * (-len(header) % 8)
    yield struct.pack("<Q", len(header)) + header
    yield counts_P.tobytes()
    yield from rows


class VectorReader:
    """Reads the vectors of one passage after the other. Raises ``DamagedExport``."""

    def __init__(self, stream: PartStream, part: Part, *, passages: int, one_each: bool) -> None:
        assert part.dimension is not None, "a part of vectors has a dimension"
        self._stream = stream
        self._dimension = part.dimension
        size = struct.unpack("<Q", stream.read(8))[0]
        require(size <= _MOST_HEADER_BYTES, "its vectors have no header")
        header = stream.read(size)
        # The counts are read into memory, so the file must be long enough for them.
        require(8 + size + passages * _COUNT.itemsize <= part.bytes, "its vectors are too few")
        self._counts_P = np.frombuffer(stream.read(passages * _COUNT.itemsize), dtype=_COUNT)
        fewest, most = (1, 1) if one_each else (0, _MOST_ROWS_OF_A_PASSAGE)
        in_range = (self._counts_P >= fewest) & (self._counts_P <= most)
        require(bool(in_range.all()), "its vectors are miscounted")
        total = int(self._counts_P.sum(dtype=np.int64))
        try:
            stored_header = json.loads(header)
        except (ValueError, RecursionError):
            stored_header = None
        require(
            stored_header == _header(passages, total, part.dimension), "its vectors are not of the shape that it names"
        )
        self._next = 0

    def take(self, passages: int) -> list[bytes]:
        """The vectors of the next passages, one value of bytes each, checked: finite, of length one or zero."""
        counts = self._counts_P[self._next : self._next + passages].tolist()
        require(len(counts) == passages, "it has fewer vectors than passages")
        self._next += passages
        row_bytes = self._dimension * _FLOAT.itemsize
        return [self._checked(self._stream.read(count * row_bytes)) for count in counts]

    def finish(self) -> None:
        """Check that all vectors were read."""
        require(self._next == len(self._counts_P), "it has more vectors than passages")
        self._stream.finish()

    def _checked(self, row: bytes) -> bytes:
        vectors_RD = np.frombuffer(row, dtype=_FLOAT).reshape(-1, self._dimension)
        require(bool(np.isfinite(vectors_RD).all()), "one of its vectors is not finite")
        norms_R = np.linalg.norm(vectors_RD.astype(np.float64), axis=1)
        is_unit = (np.abs(norms_R - 1.0) <= _NORM_TOLERANCE) | (norms_R == 0.0)
        require(bool(is_unit.all()), "one of its vectors is not of length one")
        return row


def _header(passages: int, rows: int, dimension: int) -> dict[str, object]:
    middle = passages * _COUNT.itemsize
    end = middle + rows * dimension * _FLOAT.itemsize
    return {
        "counts": {"dtype": "I32", "shape": [passages], "data_offsets": [0, middle]},
        "vectors": {"dtype": "F32", "shape": [rows, dimension], "data_offsets": [middle, end]},
    }
