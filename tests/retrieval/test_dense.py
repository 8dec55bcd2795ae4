"""The FAISS index against brute force, deletion, and the stored form of vectors."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.documents import Document, Passage
from retrieval import dense
from retrieval.dense import DenseIndex, VectorRows, read_vectors
from retrieval.errors import IndexLibraryMissing
from tests.support.retrieval_fakes import LetterEncoder

# Small whole numbers: inner products are exact, and ties are common.
VECTOR = st.lists(st.integers(-2, 2), min_size=4, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.lists(VECTOR, min_size=1, max_size=40), VECTOR, st.integers(1, 45), st.data())
def test_equals_brute_force_also_in_ties_and_after_deletions(
    vectors: list[list[int]], query: list[int], k: int, data: st.DataObject
) -> None:
    rows = [3 * at + 1 for at in range(len(vectors))]
    gone = set(data.draw(st.lists(st.sampled_from(rows), unique=True)))
    vectors_ND = np.array(vectors, dtype=np.float32)
    index = DenseIndex()
    index.add(rows[::2], vectors_ND[::2])
    index.add(rows[1::2], vectors_ND[1::2])
    assert index.remove([*gone, 2]) == len(gone)
    query_D = np.array(query, dtype=np.float32)
    scored = [(row, float(vectors_ND[at] @ query_D)) for at, row in enumerate(rows) if row not in gone]
    expected = sorted(scored, key=lambda item: (-item[1], item[0]))[:k]
    assert index.search(query_D[None, :], k) == [expected]
    assert len(index) == len(rows) - len(gone)


def test_an_empty_index_finds_nothing() -> None:
    index = DenseIndex()
    assert index.search(np.ones((2, 3), dtype=np.float32), 5) == [[], []]
    assert index.remove([1]) == 0
    index.add([], np.zeros((0, 3), dtype=np.float32))
    assert len(index) == 0


def test_stored_vectors_come_back_bit_for_bit() -> None:
    letters = LetterEncoder()
    document = Document.of("one", "Alpha. Beta. Gamma.")
    cut = [Passage.of(document, 0, 6), Passage.of(document, 7, 12)]
    rows = VectorRows(letters)
    assert rows.kind == "vectors:letters@1"
    stored = rows.compute(cut)
    assert [len(row) for row in stored] == [26 * 4] * 2
    assert read_vectors(stored).tobytes() == letters.encode_passages(["Alpha.", "Beta."]).tobytes()
    assert read_vectors([]).shape == (0, 0)


def test_without_faiss_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(IndexLibraryMissing) as caught:
        dense.DenseIndex()
    assert "pip install faiss-cpu" in caught.value.hint
