"""Fusions against their formulas, and what any fusion must keep."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import RRF_K, convex_fusion, reciprocal_rank_fusion

RANKINGS = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=15), max_size=4)


def test_by_hand() -> None:
    fused = reciprocal_rank_fusion([[7, 3], [3, 9]])
    assert [row for row, _ in fused] == [3, 7, 9]
    assert [score for _, score in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62])


def test_equal_scores_go_to_the_lower_row() -> None:
    assert [row for row, _ in reciprocal_rank_fusion([[5], [2]])] == [2, 5]


@given(RANKINGS)
def test_every_row_once_with_the_sum_of_its_places(rankings: list[list[int]]) -> None:
    fused = reciprocal_rank_fusion(rankings)
    assert sorted(row for row, _ in fused) == sorted({row for ranking in rankings for row in ranking})
    assert fused == sorted(fused, key=lambda item: (-item[1], item[0]))
    for row, score in fused:
        places = [ranking.index(row) + 1 for ranking in rankings if row in ranking]
        assert score == pytest.approx(sum(1 / (RRF_K + place) for place in places))


@given(RANKINGS)
def test_a_row_that_is_nowhere_behind_another_is_not_behind_it(rankings: list[list[int]]) -> None:
    order = [row for row, _ in reciprocal_rank_fusion(rankings)]

    def place(row: int, ranking: list[int]) -> int:
        return ranking.index(row) if row in ranking else len(ranking) + 100

    for front, back in pairwise(order):
        assert not all(place(back, ranking) < place(front, ranking) for ranking in rankings)


def test_scores_are_weighed_by_hand() -> None:
    fused = convex_fusion([(7, 0.9), (3, 0.5)], [(3, 8.0), (9, 4.0)], share=0.25)
    assert [row for row, _ in fused] == [7, 3, 9]
    assert [score for _, score in fused] == pytest.approx([0.675, 0.375 + 0.25, 0.375 + 0.125])


def test_one_ranking_alone_keeps_its_order() -> None:
    assert [row for row, _ in convex_fusion([(4, 0.2), (1, 0.1)], [])] == [4, 1]
    assert [row for row, _ in convex_fusion([], [(4, 3.0), (1, 3.0), (2, 0.5)])] == [1, 4, 2]
    assert convex_fusion([], []) == []
