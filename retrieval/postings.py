"""Words by passage and passages by word, as arrays that never change: what BM25 is computed from.

Knows rows (integers of the library) and fingerprints of terms, not terms. A fingerprint has 64 bits: among a million
terms the chance that any two share theirs is 1 in 37 million, and then only their counts are added up.
N rows of a block, V terms, P postings (a term in a row).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FINGERPRINT_BYTES = 8
_ARRAYS = {"lengths": "<i4", "terms": "<u8", "starts": "<i8", "places": "<i4", "counts": "<i4"}


def fingerprints(terms: Iterable[str]) -> NDArray[np.uint64]:
    """The fingerprints of terms, in order."""
    digests = [
        hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=_FINGERPRINT_BYTES).digest()
        for term in terms
    ]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class PostingSegment:
    """A ``Block``: for each term, in the order of fingerprints, the places in ``rows_N`` where it is, how often.

    The postings of term v are ``[starts_V[v], starts_V[v + 1])``; ``starts_V`` has one more, the end.
    """

    rows_N: NDArray[np.int64]
    lengths_N: NDArray[np.int32]
    terms_V: NDArray[np.uint64]
    starts_V: NDArray[np.int64]
    places_P: NDArray[np.int32]
    counts_P: NDArray[np.int32]

    @classmethod
    def of(cls, rows: Sequence[int], terms: Sequence[Sequence[str]]) -> PostingSegment:
        """The terms of each row, in any order; every occurrence counts."""
        numbers: dict[str, int] = {}
        counted = [Counter(of_row) for of_row in terms]
        ids = [numbers.setdefault(term, len(numbers)) for counts in counted for term in counts]
        terms_P = fingerprints(numbers)[np.array(ids, dtype=np.int64)]
        sizes = [len(counts) for counts in counted]
        counts = np.fromiter((count for one in counted for count in one.values()), dtype=np.int32, count=len(ids))
        order_P = np.argsort(terms_P, kind="stable")
        terms_V, starts_V = np.unique(terms_P[order_P], return_index=True)
        return cls(
            np.asarray(rows, dtype=np.int64),
            np.array([len(of_row) for of_row in terms], dtype=np.int32),
            terms_V,
            np.append(starts_V, len(ids)).astype(np.int64),
            np.repeat(np.arange(len(rows), dtype=np.int32), sizes)[order_P],
            counts[order_P],
        )

    def postings(self, term: np.uint64) -> slice:
        """Where in ``places_P`` and ``counts_P`` a term is; empty if it is nowhere."""
        at = int(np.searchsorted(self.terms_V, term))
        if at == len(self.terms_V) or self.terms_V[at] != term:
            return slice(0, 0)
        return slice(int(self.starts_V[at]), int(self.starts_V[at + 1]))

    @classmethod
    def merged(cls, blocks: Sequence[PostingSegment], alive: Sequence[NDArray[np.bool_]]) -> PostingSegment:
        """As ``Block`` says. Linear in the postings."""
        kept = [block._only(alive_N) for block, alive_N in zip(blocks, alive, strict=True)]
        terms_V = np.unique(np.concatenate([block.terms_V for block in kept]))
        found = [np.searchsorted(terms_V, block.terms_V) for block in kept]
        sizes_V = np.zeros(len(terms_V), dtype=np.int64)
        for block, at_V in zip(kept, found, strict=True):
            sizes_V[at_V] += np.diff(block.starts_V)
        starts_V = np.concatenate([[0], np.cumsum(sizes_V)]).astype(np.int64)
        places_P = np.empty(int(starts_V[-1]), dtype=np.int32)
        counts_P = np.empty_like(places_P)
        next_V, rows_before = starts_V[:-1].copy(), 0
        for block, at_V in zip(kept, found, strict=True):
            own_V = np.diff(block.starts_V)
            to_P = np.repeat(next_V[at_V] - block.starts_V[:-1], own_V) + np.arange(len(block.places_P))
            places_P[to_P] = block.places_P + rows_before
            counts_P[to_P] = block.counts_P
            next_V[at_V] += own_V
            rows_before += len(block.rows_N)
        rows_N = np.concatenate([block.rows_N for block in kept])
        lengths_N = np.concatenate([block.lengths_N for block in kept])
        return cls(rows_N, lengths_N, terms_V, starts_V, places_P, counts_P)

    def _only(self, alive_N: NDArray[np.bool_]) -> PostingSegment:
        """This without rows that are gone, and without terms that only they had."""
        if alive_N.all():
            return self
        kept_P = alive_N[self.places_P]
        sizes_V = np.diff(np.concatenate([[0], np.cumsum(kept_P)])[self.starts_V])
        used_V = sizes_V > 0
        new_places_N = (np.cumsum(alive_N) - 1).astype(np.int32)
        return PostingSegment(
            self.rows_N[alive_N],
            self.lengths_N[alive_N],
            self.terms_V[used_V],
            np.concatenate([[0], np.cumsum(sizes_V[used_V])]).astype(np.int64),
            new_places_N[self.places_P[kept_P]],
            self.counts_P[kept_P],
        )

    def packed(self) -> dict[str, NDArray[Any]]:
        """As ``Block`` says."""
        arrays: list[NDArray[Any]] = [self.lengths_N, self.terms_V, self.starts_V, self.places_P, self.counts_P]
        return {name: array.astype(_ARRAYS[name]) for name, array in zip(_ARRAYS, arrays, strict=True)}

    @classmethod
    def unpacked(cls, rows_N: NDArray[np.int64], parts: Mapping[str, memoryview]) -> PostingSegment:
        """As ``Block`` says."""
        if not parts.keys() >= _ARRAYS.keys():
            raise ValueError("it holds no postings")
        arrays = {name: np.frombuffer(parts[name], dtype=kind) for name, kind in _ARRAYS.items()}
        starts_V, places_P = arrays["starts"], arrays["places"]
        fits = (
            len(arrays["lengths"]) == len(rows_N)
            and len(starts_V) == len(arrays["terms"]) + 1
            and len(places_P) == len(arrays["counts"]) == starts_V[-1]
            and starts_V[0] == 0
            and bool((np.diff(starts_V) >= 0).all())
            and (not places_P.size or 0 <= places_P.min() <= places_P.max() < len(rows_N))
        )
        if not fits:
            raise ValueError("its postings are not of these rows")
        native = {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in arrays.items()}
        return cls(rows_N, native["lengths"], native["terms"], native["starts"], native["places"], native["counts"])
