"""On a CUDA device drafts change nothing either: float32 without TF32, greedy and sampled, four architectures."""

from __future__ import annotations

import pytest
import torch

from decoding.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.target import Target
from tests.fakes import ARCHITECTURES, AlwaysWrong, Oracle, tiny_model

pytestmark = pytest.mark.gpu

PROMPT = (5, 6, 7, 8, 9, 5, 6, 7)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> Target:
    torch.backends.cuda.matmul.allow_tf32 = False
    return Target.of(tiny_model(request.param).double().to("cuda"), name=request.param)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(do_sample=True, temperature=1.2, seed=4)])
def test_drafts_change_nothing(target: Target, sampling: Sampling) -> None:
    job = Request(PROMPT, 60, sampling=sampling)
    expected = Engine(target, sources=list, budget=Budget()).generate(job).tokens
    for sources in (("spans", "cursor"), lambda: [Oracle(expected, branches=2)], lambda: [AlwaysWrong(expected)]):
        assert Engine(target, sources=sources, budget=Budget()).generate(job).tokens == expected


def test_costs_are_measured_on_the_device(target: Target) -> None:
    costs = Budget.measured(target).cost_s
    assert costs is not None
    assert all(seconds > 0 for seconds in costs.values())
