"""A datastore for retrieval drafts that never holds the record it is asked for: leave one out.

One suffix array over the passages of all records; what belongs to a record is taken out of it, which leaves the order
of the rest as it is. T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from decoding.interfaces import TokenIndex
from decoding.sources.suffix_array import build_index


@dataclass(frozen=True, slots=True)
class Datastore:
    """Passages of many records; record i has the tokens from ``borders[i]`` to ``borders[i + 1]`` (exclusive)."""

    index: TokenIndex
    borders: tuple[int, ...]

    @classmethod
    def of(cls, records: Sequence[Sequence[Sequence[int]]]) -> Datastore:
        """Index the passages of every record, each given as token ids."""
        borders = [0]
        for passages in records:
            # Behind each passage stands a border of its own.
            borders.append(borders[-1] + sum(len(passage) + 1 for passage in passages))
        return cls(build_index([passage for passages in records for passage in passages]), tuple(borders))

    def without(self, record: int) -> TokenIndex:
        """The index as if ``record`` had never been in it: no match begins there, and none can run into it."""
        suffixes_T = self.index.suffixes_T
        begins_in_it_T = (suffixes_T >= self.borders[record]) & (suffixes_T < self.borders[record + 1])
        return TokenIndex(self.index.tokens_T, suffixes_T[~begins_in_it_T], self.index.starts_P)
