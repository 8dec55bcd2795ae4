"""The blend's text: who reads it while another session makes it longer finds no place outside what it reads."""

from __future__ import annotations

import numpy as np

from decoding.sources.blend.ngram_index import NO_POSITION, Text


def test_what_was_read_before_it_grew_holds_together() -> None:
    text = Text(room=8)
    text.extend([1, 2, 3, 1, 2])
    before = text.arrays
    for _ in range(50):
        text.extend([1, 2, 3, 1, 2, 70])
        assert before.heads_K.max() < before.ids_T.size
        assert before.links_T.max() < before.ids_T.size
    assert text.arrays.heads_K.max() >= before.ids_T.size
    assert text.arrays.heads_K[1] != NO_POSITION


def test_ids_that_no_vocabulary_has_are_borders() -> None:
    text = Text()
    text.extend([1, -7, 2**30, 2])
    assert text.arrays.ids_T[:4].tolist() == [1, -1, -1, 2]
    assert text.arrays.heads_K.size < 1000
    assert np.array_equal(text.arrays.counts_K[[1, 2]], [1, 1])
