"""An inverted index as immutable arrays: which passages have a term, and how often. BM25 is computed from it.

Knows rows (integers of the library) and fingerprints of terms; the terms that are words are also in its vocabulary. A
fingerprint has 64 bits: among a million terms the chance that any two share theirs is 1 in 37 million, and then only
their counts are added up.
N rows of a segment, V terms, P postings (a term in a row), T terms that are given.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.vocabulary import Vocabulary

_FINGERPRINT_BYTES = 8
_ARRAYS = {"lengths": "<i4", "terms": "<u8", "starts": "<i8", "places": "<i4", "counts": "<i4"}
_WORDS = {"words": "u1", "word terms": "<u8"}


def fingerprints(terms: Iterable[str]) -> NDArray[np.uint64]:
    """The fingerprints of terms, in order."""
    digests = [
        hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=_FINGERPRINT_BYTES).digest()
        for term in terms
    ]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class PostingSegment:
    """A ``Segment``: for each term, in the order of fingerprints, the positions in ``rows_N`` that have it, how often.

    The postings of term v are ``[starts_V[v], starts_V[v + 1])``; ``starts_V`` has one more, the end.
    """

    rows_N: NDArray[np.int64]
    lengths_N: NDArray[np.int32]
    terms_V: NDArray[np.uint64]
    starts_V: NDArray[np.int64]
    positions_P: NDArray[np.int32]
    counts_P: NDArray[np.int32]
    vocabulary: Vocabulary

    @classmethod
    def of(cls, rows: Sequence[int], terms: Sequence[Sequence[str]]) -> PostingSegment:
        """The terms of each row, in any order; every occurrence counts."""
        numbers: dict[str, int] = {}
        counted = [Counter(of_row) for of_row in terms]
        ids = [numbers.setdefault(term, len(numbers)) for counts in counted for term in counts]
        fingerprints_T = fingerprints(numbers)
        terms_P = fingerprints_T[np.array(ids, dtype=np.int64)]
        sizes = [len(counts) for counts in counted]
        counts = np.fromiter((count for row in counted for count in row.values()), dtype=np.int32, count=len(ids))
        order_P = np.argsort(terms_P, kind="stable")
        terms_V, starts_V = np.unique(terms_P[order_P], return_index=True)
        return cls(
            np.asarray(rows, dtype=np.int64),
            np.array([len(of_row) for of_row in terms], dtype=np.int32),
            terms_V,
            np.append(starts_V, len(ids)).astype(np.int64),
            np.repeat(np.arange(len(rows), dtype=np.int32), sizes)[order_P],
            counts[order_P],
            Vocabulary.of(numbers, fingerprints_T),
        )

    def postings(self, term: np.uint64) -> slice:
        """Where in ``positions_P`` and ``counts_P`` the postings of a term are; empty if no row has it."""
        index = int(np.searchsorted(self.terms_V, term))
        if index == len(self.terms_V) or self.terms_V[index] != term:
            return slice(0, 0)
        return slice(int(self.starts_V[index]), int(self.starts_V[index + 1]))

    @classmethod
    def merged(cls, segments: Sequence[PostingSegment], alive: Sequence[NDArray[np.bool_]]) -> PostingSegment:
        """As ``Segment`` says. Linear in the postings."""
        alive_segments = [segment._only(alive_N) for segment, alive_N in zip(segments, alive, strict=True)]
        terms_V = np.unique(np.concatenate([segment.terms_V for segment in alive_segments]))
        terms_of_segments = [np.searchsorted(terms_V, segment.terms_V) for segment in alive_segments]
        sizes_V = np.zeros(len(terms_V), dtype=np.int64)
        for segment, own_terms in zip(alive_segments, terms_of_segments, strict=True):
            sizes_V[own_terms] += np.diff(segment.starts_V)
        starts_V = np.concatenate([[0], np.cumsum(sizes_V)]).astype(np.int64)
        positions_P = np.empty(int(starts_V[-1]), dtype=np.int32)
        counts_P = np.empty_like(positions_P)
        next_V, rows_before = starts_V[:-1].copy(), 0
        for segment, own_terms in zip(alive_segments, terms_of_segments, strict=True):
            own_sizes = np.diff(segment.starts_V)
            to_P = np.repeat(next_V[own_terms] - segment.starts_V[:-1], own_sizes) + np.arange(len(segment.positions_P))
            positions_P[to_P] = segment.positions_P + rows_before
            counts_P[to_P] = segment.counts_P
            next_V[own_terms] += own_sizes
            rows_before += len(segment.rows_N)
        rows_N = np.concatenate([segment.rows_N for segment in alive_segments])
        lengths_N = np.concatenate([segment.lengths_N for segment in alive_segments])
        words = Vocabulary.merged([segment.vocabulary for segment in segments], terms_V)
        return cls(rows_N, lengths_N, terms_V, starts_V, positions_P, counts_P, words)

    def _only(self, alive_N: NDArray[np.bool_]) -> PostingSegment:
        """The same without rows that are not alive, and without terms that only they had."""
        if alive_N.all():
            return self
        alive_P = alive_N[self.positions_P]
        sizes_V = np.diff(np.concatenate([[0], np.cumsum(alive_P)])[self.starts_V])
        used_V = sizes_V > 0
        new_positions_N = (np.cumsum(alive_N) - 1).astype(np.int32)
        return PostingSegment(
            self.rows_N[alive_N],
            self.lengths_N[alive_N],
            self.terms_V[used_V],
            np.concatenate([[0], np.cumsum(sizes_V[used_V])]).astype(np.int64),
            new_positions_N[self.positions_P[alive_P]],
            self.counts_P[alive_P],
            self.vocabulary,  # of which ``merged`` leaves out what is gone
        )

    def packed(self) -> dict[str, NDArray[Any]]:
        """As ``Segment`` says."""
        arrays: list[NDArray[Any]] = [self.lengths_N, self.terms_V, self.starts_V, self.positions_P, self.counts_P]
        words: list[NDArray[Any]] = [np.frombuffer(self.vocabulary.text, dtype=np.uint8), self.vocabulary.terms_W]
        kinds = _ARRAYS | _WORDS
        return {name: array.astype(kinds[name]) for name, array in zip(kinds, arrays + words, strict=True)}

    @classmethod
    def unpacked(cls, rows_N: NDArray[np.int64], arrays: Mapping[str, memoryview]) -> PostingSegment:
        """As ``Segment`` says."""
        if not arrays.keys() >= (_ARRAYS | _WORDS).keys():
            raise ValueError("it holds no postings")
        decoded = {name: np.frombuffer(arrays[name], dtype=kind) for name, kind in _ARRAYS.items()}
        starts_V, positions_P = decoded["starts"], decoded["places"]
        fits = (
            len(decoded["lengths"]) == len(rows_N)
            and len(starts_V) == len(decoded["terms"]) + 1
            and len(positions_P) == len(decoded["counts"]) == starts_V[-1]
            and starts_V[0] == 0
            and bool((np.diff(starts_V) >= 0).all())
            and (not positions_P.size or 0 <= positions_P.min() <= positions_P.max() < len(rows_N))
        )
        if not fits:
            raise ValueError("its postings are not of these rows")
        native = {name: array.astype(array.dtype.newbyteorder("="), copy=False) for name, array in decoded.items()}
        words = Vocabulary(bytes(arrays["words"]), np.frombuffer(arrays["word terms"], dtype="<u8").astype(np.uint64))
        if not words.belongs_to(native["terms"]):
            raise ValueError("its words are not those of its postings")
        return cls(
            rows_N, native["lengths"], native["terms"], native["starts"], native["places"], native["counts"], words
        )
