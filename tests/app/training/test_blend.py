"""How both stages' scores are made one is what the lists call for, on the scale of log-odds."""

from __future__ import annotations

import numpy as np
import pytest

from app.training.cross_encoder.blend import ReadList, fitted


def _lists(noise: float, *, count: int = 400) -> list[ReadList]:
    """The reader knows the answer with some noise, the first stage knows nothing; a third has no answer."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(count):
        right_K = np.zeros(4, np.bool_)
        if number % 3:
            right_K[rng.integers(4)] = True
        read_K = (np.where(right_K, 2.0, -2.0) + rng.normal(0, noise, 4)).astype(np.float32)
        found.append(ReadList(rng.normal(0, 1, 4).astype(np.float32), read_K, right_K))
    return found


def test_the_stage_that_knows_decides() -> None:
    blend = fitted(_lists(1.5))
    assert blend.second > 0.4
    assert abs(blend.first) < 0.2 * blend.second


def test_the_best_is_the_log_odds_that_it_is_right() -> None:
    lists = _lists(2.5)
    blend = fitted(lists)
    scores = [blend.first * one.first_K + blend.second * one.second_K + blend.constant for one in lists]
    chance = np.array([1 / (1 + np.exp(-own.max())) for own in scores])
    right = np.array([one.right_K[own.argmax()] for one, own in zip(lists, scores, strict=True)])
    assert abs(chance.mean() - right.mean()) < 0.02
    for low, high in ((0.0, 0.4), (0.6, 1.0)):
        own = (chance >= low) & (chance < high)
        assert own.sum() > 40
        assert abs(chance[own].mean() - right[own].mean()) < 0.12


def test_a_louder_stage_gets_a_smaller_share() -> None:
    lists = _lists(2.5)
    loud = [ReadList(one.first_K, 4 * one.second_K, one.right_K) for one in lists]
    assert fitted(loud).second == pytest.approx(fitted(lists).second / 4, rel=0.1)


def test_the_scale_is_for_both_kinds_of_lists() -> None:
    lists = _lists(2.5)
    hard = [ReadList(one.first_K, one.second_K, np.roll(one.right_K, 1)) for one in lists]
    alone, both = fitted(lists), fitted(lists, beside=hard)
    assert both.constant < alone.constant
    assert both.second < alone.second
    assert both.first / both.second == pytest.approx(alone.first / alone.second, rel=1e-4, abs=1e-4)


def test_nothing_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="no lists"):
        fitted([])
