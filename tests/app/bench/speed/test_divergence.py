"""The divergence bench: no difference in double precision, and in bfloat16 only where the best logits nearly tie."""

from __future__ import annotations

import numpy as np
import pytest

from app.bench.speed.divergence import Divergences, LogitRecorder, Written, rows
from decoding.interfaces import Request
from decoding.target.loading import target_of
from tests.support.fakes import VOCABULARY, tiny_model


def requests(count: int) -> list[Request]:
    rng = np.random.default_rng(0)
    phrases = [tuple(int(token) for token in rng.integers(1, VOCABULARY, 8 + number)) for number in range(count)]
    return [Request(phrase + phrase[:5], 24) for phrase in phrases]


def test_double_precision_diverges_nowhere() -> None:
    drafted, control = rows(target_of(tiny_model("llama").double()), requests(10))
    assert drafted["diverged"] == control["diverged"] == 0
    assert drafted["tokens"] == control["tokens"] == 240
    assert drafted["margin_max"] is None
    assert 0 < drafted["logit_difference_max"] < 1e-10  # type: ignore[operator]


def test_bfloat16_diverges_at_near_ties_alone() -> None:
    """Random weights of small spread tie all the time: both ways diverge, and never far from a tie."""
    target = target_of(tiny_model("llama", spread=0.1).bfloat16())
    target.model.set_attn_implementation("sdpa")  # Ours rounds each query by itself, which leaves too few.
    for row in rows(target, requests(16)):
        assert row["outputs"] == 16
        assert row["diverged"] > 0  # type: ignore[operator]
        assert row["unexplained"] == 0


def written(tokens: tuple[int, ...], margin: float, shift: float = 0.0) -> Written:
    row = np.array([0.0, margin, -5.0]) + shift
    return Written(tokens, LogitRecorder(dict.fromkeys(range(len(tokens)), row)))


def test_only_the_first_difference_counts_with_the_plain_margin() -> None:
    found = Divergences()
    found.compare(written((1, 1, 1, 1), 0.5), written((1, 0, 0, 1), 0.1, shift=0.01))
    found.compare(written((1, 1), 0.5), written((1, 1), 0.5))
    assert found.row("x") == {
        "method": "x",
        "outputs": 2,
        "tokens": 4,
        "diverged": 1,
        "per_1000_tokens": 250.0,
        "margin_median": pytest.approx(0.5),
        "margin_max": pytest.approx(0.5),
        "logit_difference_max": pytest.approx(0.39),
        "unexplained": 0,
    }


def test_a_flip_far_from_a_tie_is_unexplained() -> None:
    found = Divergences()
    found.compare(written((1,), 3.0), written((0,), 3.0, shift=0.1))
    assert found.row("x")["unexplained"] == 1
