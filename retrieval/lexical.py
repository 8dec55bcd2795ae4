"""Passages by words: BM25 over the terms of ``retrieval.terms``.

Knows rows (integers of the library) and texts, not vectors or documents. bm25s scores every term of every
passage when the index is built and cannot be added to, so a changed index is built anew at the next search,
from terms kept as integers.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import bm25s
import numpy as np

from retrieval.terms import query_terms, terms


class LexicalIndex:
    """Term lists by row. Not thread-safe; its owner holds a lock."""

    def __init__(self) -> None:
        self._vocabulary: dict[str, int] = {}
        self._terms_by_row: dict[int, array[int]] = {}
        self._built: _Built | None = None

    def __len__(self) -> int:
        return len(self._terms_by_row)

    def add(self, rows: Sequence[int], texts: Sequence[str]) -> None:
        """Add passages under new row numbers."""
        for row, text in zip(rows, texts, strict=True):
            ids = (self._vocabulary.setdefault(term, len(self._vocabulary)) for term in terms(text))
            self._terms_by_row[row] = array("l", ids)
        self._built = None

    def remove(self, rows: Sequence[int]) -> int:
        """Remove rows for good; rows that are not here are ignored. Returns how many went."""
        gone = sum(self._terms_by_row.pop(row, None) is not None for row in rows)
        if gone:
            self._forget_unused_terms()
            self._built = None
        return gone

    def search(self, questions: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        """For each question the at most ``k`` best (row, score > 0), best first, ties by the lower row."""
        if k < 1 or not any(self._terms_by_row.values()):
            return [[] for _ in questions]
        if self._built is None:
            self._built = _Built(self._terms_by_row, self._vocabulary)
        built = self._built
        return [built.best(self._known(question), k) for question in questions]

    def _known(self, question: str) -> list[int]:
        return [self._vocabulary[term] for term in query_terms(question) if term in self._vocabulary]

    def _forget_unused_terms(self) -> None:
        """A deleted document's words must not live on in the vocabulary."""
        used = sorted({term for ids in self._terms_by_row.values() for term in ids})
        words = list(self._vocabulary)
        self._vocabulary = {words[old]: new for new, old in enumerate(used)}
        renumbered = {old: new for new, old in enumerate(used)}
        for row, ids in self._terms_by_row.items():
            self._terms_by_row[row] = array("l", (renumbered[term] for term in ids))


class _Built:
    """A finished BM25 index (Lucene's variant, k1 = 1.5, b = 0.75) and the row of each of its places."""

    def __init__(self, terms_by_row: dict[int, array[int]], vocabulary: dict[str, int]) -> None:
        rows = sorted(terms_by_row)
        self._rows = np.array(rows, dtype=np.int64)
        self._bm25 = bm25s.BM25(method="lucene", backend="numpy")
        term_lists = [terms_by_row[row].tolist() for row in rows]
        self._bm25.index((term_lists, dict(vocabulary)), show_progress=False)

    def best(self, term_ids: list[int], k: int) -> list[tuple[int, float]]:
        if not term_ids:
            return []
        scores_N = self._bm25.get_scores_from_ids(term_ids)
        order_K = np.argsort(-scores_N, kind="stable")[:k]  # rows ascend, so a stable sort breaks ties by row
        return [(int(self._rows[at]), float(scores_N[at])) for at in order_K if scores_N[at] > 0.0]
