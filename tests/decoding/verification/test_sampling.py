"""Choosing a token: support, distribution and the independence of the noise."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from decoding.errors import InvalidRequest
from decoding.interfaces import Sampling
from decoding.verification import sampling as sampling_module
from decoding.verification.sampling import Stream, check, choose, distribution, gumbel, uniform
from tests.support.goodness import p_value
from tests.support.mutants import mutant

LOGITS = st.lists(st.floats(-8, 8), min_size=2, max_size=30, unique=True)
NAN, INF = float("nan"), float("inf")
MIXED = Sampling(do_sample=True, temperature=0.7, top_k=9, top_p=0.9, min_p=0.1, seed=11)


def warped(logits: NDArray[np.float64], sampling: Sampling) -> torch.Tensor:
    """(V) what Hugging Face samples from, as probabilities: its warpers in its order."""
    scores = torch.tensor(logits[None], dtype=torch.float64)
    scores = TemperatureLogitsWarper(sampling.temperature)(None, scores)
    if sampling.top_k:
        scores = TopKLogitsWarper(sampling.top_k)(None, scores)
    if sampling.top_p < 1:
        scores = TopPLogitsWarper(sampling.top_p)(None, scores)
    scores = MinPLogitsWarper(sampling.min_p)(None, scores)
    return torch.softmax(scores[0], -1)


def on_a_border(logits: NDArray[np.float64], sampling: Sampling) -> bool:
    """Whether a sum or a ratio is so near its threshold that two implementations may round apart."""
    scaled = np.sort(logits / sampling.temperature)[::-1]
    scaled = scaled[: sampling.top_k or None]
    weights = np.exp(scaled - scaled[0])
    sums = np.cumsum(weights) / weights.sum()
    near = np.abs(np.concatenate([sums - sampling.top_p, weights - sampling.min_p])).min()
    return bool(near < 1e-9) or bool(np.abs(np.diff(scaled)).min(initial=1) < 1e-9)


def test_greedy_takes_the_first_maximum() -> None:
    assert choose(np.array([0.0, 2.0, 2.0]), Sampling(), position=3) == 1
    assert distribution(np.array([0.0, 2.0, 2.0]), Sampling()).tolist() == [0, 1, 0]


@given(LOGITS, st.integers(0, 9), st.floats(0.05, 1.0), st.floats(0.0, 1.0), st.floats(0.2, 3.0))
def test_tokens_are_drawn_as_hugging_face_would(
    logits: list[float], top_k: int, top_p: float, min_p: float, heat: float
) -> None:
    sampling = Sampling(do_sample=True, temperature=heat, top_k=top_k, top_p=top_p, min_p=min_p)
    values = np.array(logits)
    if on_a_border(values, sampling):
        return
    expected = warped(values, sampling).numpy()
    assert np.allclose(distribution(values, sampling), expected, atol=1e-12)
    drawn = {choose(values, sampling, position=position) for position in range(40)}
    assert all(expected[token] > 0 for token in drawn)


@pytest.mark.parametrize("size", [1500, 30_000])
@pytest.mark.parametrize("top_p", [0.1, 0.9, 0.9999])
def test_a_large_vocabulary_has_the_same_nucleus(size: int, top_p: float) -> None:
    logits = np.random.default_rng(size).normal(scale=3, size=size)
    sampling = Sampling(do_sample=True, top_p=top_p)
    assert np.allclose(distribution(logits, sampling), warped(logits, sampling).numpy(), atol=1e-12)


def test_ties_are_kept_or_dropped_alike_in_a_large_vocabulary() -> None:
    """Two thousand equal tokens: the nucleus takes the first of them, however many are sorted."""
    logits = np.zeros(2000)
    kept = np.flatnonzero(distribution(logits, Sampling(do_sample=True, top_p=0.3)))
    assert kept.tolist() == list(range(600))


def drawn_p_value(module: ModuleType, sampling: Sampling, n: int) -> float:
    logits = np.random.default_rng(0).normal(scale=1.5, size=16)
    counts = np.bincount([module.choose(logits, sampling, position=i) for i in range(n)], minlength=16)
    return p_value(counts, warped(logits, sampling).numpy())


SAMPLINGS = {
    "hot": Sampling(do_sample=True, temperature=1.4, seed=1),
    "cold": Sampling(do_sample=True, temperature=0.7, seed=2),
    "top-k": Sampling(do_sample=True, top_k=5, seed=3),
    "top-p": Sampling(do_sample=True, top_p=0.8, seed=4),
    "min-p": Sampling(do_sample=True, min_p=0.2, seed=5),
    "mixed": MIXED,
}


@pytest.mark.parametrize("name", SAMPLINGS)
def test_draws_have_the_distribution_of_hugging_face(name: str) -> None:
    assert drawn_p_value(sampling_module, SAMPLINGS[name], 4_000) > 1e-6


@pytest.mark.exact
@pytest.mark.parametrize("name", SAMPLINGS)
def test_draws_have_the_distribution_of_hugging_face_50000_times(name: str) -> None:
    assert drawn_p_value(sampling_module, SAMPLINGS[name], 50_000) > 1e-6


MUTANTS = {
    "no temperature": ("logits_V / sampling.temperature", "logits_V"),
    "temperature upside down": ("logits_V / sampling.temperature", "logits_V * sampling.temperature"),
    "top-k one too many": ("np.partition(scaled_V[kept_K], -sampling.top_k)[-sampling.top_k]",
                           "np.partition(scaled_V[kept_K], -sampling.top_k - 1)[-sampling.top_k - 1]"),
    "top-p without the last token": ("order[before < needed]", "order[before + weights_K[order] < needed]"),
    "min-p of all": ("weights_K >= sampling.min_p", "weights_K / weights_K.sum() >= sampling.min_p"),
    "no noise": ("kept_K[(logprobs_K + noise_K).argmax()]", "kept_K[logprobs_K.argmax()]"),
    "noise alone": ("kept_K[(logprobs_K + noise_K).argmax()]", "kept_K[noise_K.argmax()]"),
    "noise without the position": ("mixed: NDArray[np.uint64] = _mix(base ^ counters)",
                                   "mixed: NDArray[np.uint64] = _mix(base ^ counters ^ counters)"),
    "one noise for all tokens": ("tokens.astype(np.uint64) * _GOLDEN", "tokens.astype(np.uint64) * np.uint64(0)"),
    "noise of the other sign": ("return -np.log(-np.log(_unit(bits)))", "return np.log(-np.log(_unit(bits)))"),
    "uniform noise": ("return -np.log(-np.log(_unit(bits)))", "return _unit(bits)"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_sampler_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = mutant(sampling_module, *MUTANTS[name], monkeypatch)
    assert any(drawn_p_value(wrong, sampling, 2_000) < 1e-6 for sampling in SAMPLINGS.values())


def test_noise_depends_on_seed_position_token_and_stream_alone() -> None:
    ids = np.arange(50)
    assert (gumbel(3, 7, ids)[10:20] == gumbel(3, 7, ids[10:20])).all()
    assert (gumbel(3, np.array([[6], [7]]), ids)[1] == gumbel(3, 7, ids)).all()
    for other in (gumbel(3, 8, ids), gumbel(4, 7, ids), gumbel(3, 7, ids, stream=Stream.DRAFT)):
        assert not np.isclose(gumbel(3, 7, ids), other).any()
    many = np.concatenate([gumbel(1, position, np.arange(1000)) for position in range(100)])
    assert abs(many.mean() - 0.5772) < 0.02


def test_streams_say_nothing_about_each_other() -> None:
    positions = np.arange(50_000)
    noise = [uniform(9, positions, stream=stream) for stream in Stream]
    noise += [np.exp(-np.exp(-gumbel(9, positions, np.array([3]), stream=stream))) for stream in Stream]
    correlation = np.corrcoef(np.array(noise)) - np.eye(len(noise))
    assert np.abs(correlation).max() < 5 / np.sqrt(len(positions))


def test_seeds_of_any_size_can_be_used() -> None:
    logits = np.zeros(1000)
    drawn = {choose(logits, Sampling(do_sample=True, seed=seed), position=1) for seed in (0, 1, 2**63, -1, 2**64 - 2)}
    assert len(drawn) == 5


@pytest.mark.parametrize("logits", [[-INF, -INF], [0.0, NAN]])
@pytest.mark.parametrize("sampling", [Sampling(), MIXED])
def test_where_nothing_may_be_written_it_is_said(logits: list[float], sampling: Sampling) -> None:
    for function in (lambda row: choose(row, sampling, position=1), lambda row: distribution(row, sampling)):
        with pytest.raises(InvalidRequest, match="no next token is allowed"):
            function(np.array(logits))


@pytest.mark.parametrize(
    "sampling",
    [
        *[Sampling(temperature=value) for value in (0.0, -1.0, NAN, INF)],
        *[Sampling(top_p=value) for value in (0.0, 1.1, NAN, INF, -INF)],
        *[Sampling(min_p=value) for value in (-0.1, 1.1, NAN, INF)],
        *[Sampling(top_k=value) for value in (-1, NAN, INF, 2.5)],
    ],
)
def test_options_outside_their_range_are_refused(sampling: Sampling) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(sampling)
    assert caught.value.hint
