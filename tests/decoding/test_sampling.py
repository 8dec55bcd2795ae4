"""Choosing a token: support, distribution and the independence of the noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from decoding.errors import InvalidRequest
from decoding.interfaces import Sampling
from decoding.sampling import check, choose, gumbel

LOGITS = st.lists(st.floats(-8, 8), min_size=2, max_size=30, unique=True)


def test_greedy_takes_the_first_maximum() -> None:
    assert choose(np.array([0.0, 2.0, 2.0]), Sampling(), position=3) == 1


@given(LOGITS, st.integers(0, 9), st.floats(0.05, 1.0), st.floats(0.2, 3.0))
def test_only_what_hugging_face_keeps_is_drawn(logits: list[float], top_k: int, top_p: float, heat: float) -> None:
    scores = torch.tensor([logits], dtype=torch.float64)
    scores = TemperatureLogitsWarper(heat)(None, scores)
    if top_k:
        scores = TopKLogitsWarper(top_k)(None, scores)
    kept = TopPLogitsWarper(top_p)(None, scores)[0]
    sampling = Sampling(do_sample=True, temperature=heat, top_k=top_k, top_p=top_p)
    probabilities = torch.softmax(scores[0], -1).sort(descending=True).values.cumsum(-1)
    if (probabilities - top_p).abs().min() < 1e-9:
        return  # On the border itself the two may round apart.
    drawn = {choose(np.array(logits), sampling, position=position) for position in range(60)}
    assert all(torch.isfinite(kept[token]) for token in drawn)


def test_the_distribution_is_the_softmax() -> None:
    logits = np.array([1.0, 0.0, -1.0, 2.0, -np.inf])
    n = 20_000
    sampling = Sampling(do_sample=True, temperature=0.7, seed=11)
    counts = np.bincount([choose(logits, sampling, position=i) for i in range(n)], minlength=5)
    weights = np.exp(logits / 0.7)
    expected = n * weights / weights.sum()
    assert counts[4] == 0
    chi_square = float((((counts - expected) ** 2)[:4] / expected[:4]).sum())
    assert chi_square < 21.1  # p = 1e-4 at three degrees of freedom


def test_noise_depends_on_seed_position_and_token_alone() -> None:
    ids = np.arange(50)
    assert (gumbel(3, 7, ids)[10:20] == gumbel(3, 7, ids[10:20])).all()
    assert not np.isclose(gumbel(3, 7, ids), gumbel(3, 8, ids)).any()
    assert not np.isclose(gumbel(3, 7, ids), gumbel(4, 7, ids)).any()
    many = np.concatenate([gumbel(1, position, np.arange(1000)) for position in range(100)])
    assert abs(many.mean() - 0.5772) < 0.02


@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=0.0), Sampling(top_p=0.0), Sampling(top_p=1.1), Sampling(top_k=-1)]
)
def test_options_outside_their_range_are_refused(sampling: Sampling) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(sampling)
    assert caught.value.hint
