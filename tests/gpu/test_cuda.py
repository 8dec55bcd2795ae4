"""On a CUDA device drafts, batches and graphs change nothing either; and where they round, they round like a batch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from decoding.cuda.graphs import CudaCapture, StaticRunner
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.sources.shared import Shared
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import TokenTree
from tests.decoding.cuda.test_graphs import Mirror, interleave, jobs, pooled
from tests.decoding.target.test_hidden_states import check_replayed, check_rows
from tests.support.drafters import random_heads
from tests.support.fakes import ARCHITECTURES, AlwaysWrong, Oracle, chain, tiny_model

pytestmark = pytest.mark.gpu

PROMPT = (5, 6, 7, 8, 9, 5, 6, 7)


def on_device(architecture: str, dtype: torch.dtype = torch.float64, **options: Any) -> Target:
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return target_of(tiny_model(architecture, **options).to("cuda", dtype), name=architecture)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> Target:
    return on_device(request.param)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(do_sample=True, temperature=1.2, seed=4)])
def test_drafts_change_nothing(target: Target, sampling: Sampling) -> None:
    job = Request(PROMPT, 60, sampling=sampling)
    expected = Engine(target, sources=list, budget=Budget()).generate(job).tokens
    for sources in (
        ("prompt-lookup", "cursor"),
        lambda: [Oracle(expected, branches=2)],
        lambda: [AlwaysWrong(expected)],
    ):
        engine = Engine(target, sources=sources, budget=Budget())
        assert engine.generate(job).tokens == expected
        assert engine.graphs_note == "yes"


def test_graphs_change_nothing(target: Target) -> None:
    """The same sessions without graphs and without a batch."""
    eager = on_device(target.name)
    alone = [Engine(eager, sources=list, budget=Budget(), graphs=False).generate(job).tokens for job in jobs(8)]
    shared = Engine(target, sources=lambda: make_sources(DEFAULT_SOURCES), budget=Budget(limit=16), max_rows=4)
    for _ in range(2):
        sessions = [shared.session(job) for job in jobs(8)]
        interleave(shared, sessions)
        assert [session.tokens for session in sessions] == alone


def test_replayed_graphs_give_the_eager_logits(target: Target) -> None:
    pool, _ = pooled(target, rows=4)
    failures: list[str] = []
    pool.run_with(StaticRunner(target, pool, lambda: CudaCapture(target.device), on_failure=failures.append))
    mirror = Mirror(target, pool, random.Random(2))
    for length in (9, 30, 4, 17):
        mirror.join(length)
    for turn in range(40):
        if turn == 20:
            mirror.leave(1)
            mirror.join(12)
        mirror.step()
        if max(pool.lengths) > 200:
            break
    mirror.check_buffers()
    assert not failures


def test_heads_draft_from_states_that_graphs_leave(target: Target) -> None:
    """The states of a replayed graph are those of the forward that was asked for, in every row."""
    own = on_device(target.name).keeping_hidden_states()
    heads = random_heads(own)
    plain = [Engine(own, sources=list, budget=Budget()).generate(job).tokens for job in jobs(8)]
    engine = Engine(own, sources=["heads"], budget=Budget(limit=16), shared=Shared(heads=heads), max_rows=4)
    for _ in range(2):
        sessions = [engine.session(job) for job in jobs(8)]
        interleave(engine, sessions)
        assert [session.tokens for session in sessions] == plain
        assert all(session.stats.drafted and not session.drafter.failed for session in sessions)
    assert engine.graphs_note == "yes"
    pool, _ = pooled(own)
    pool.run_with(StaticRunner(own, pool, lambda: CudaCapture(own.device)))
    check_replayed(own, pool)
    check_rows(own, pool)


def test_a_step_waits_for_the_device_once(target: Target) -> None:
    """Launching, and moving an accepted path, never waits; only asking for the choices does."""
    pool, _ = pooled(target, rows=2, tokens=256)
    pool.run_with(StaticRunner(target, pool, lambda: CudaCapture(target.device)))
    mirror = Mirror(target, pool, random.Random(2))
    mirror.join(9)
    mirror.join(20)
    trees = [TokenTree.of(3), TokenTree.of(4)]
    for tree in trees:
        tree.graft("test", chain((5, 6), 0.5), max_depth=4)
        tree.graft("test", chain((7, 8), 0.5), max_depth=4)
    for _ in range(3):
        target.verify_rows(trees, pool)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        logits = target.verify_rows(trees, pool)
        with pytest.raises(RuntimeError, match="synchroniz"):
            logits[0].greedy(0)
        pool.keep_rows([(3, 4), (1,)])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert [one.greedy(0) for one in logits] == [one.greedy(0) for one in logits]


def test_a_model_that_looks_at_its_tensors_decodes_without_graphs() -> None:
    looking = on_device("llama")
    expected = Engine(looking, sources=list, budget=Budget()).generate(Request(PROMPT, 30)).tokens
    looking = on_device("llama")
    forward = looking.model.model.layers[0].forward

    def look(hidden: torch.Tensor, *args: Any, **options: Any) -> Any:
        assert hidden.sum().item() != 0.0  # As a mixture of experts does to choose them.
        return forward(hidden, *args, **options)

    looking.model.model.layers[0].forward = look
    engine = Engine(looking, sources=lambda: [Oracle(expected, length=3)], budget=Budget())
    assert engine.generate(Request(PROMPT, 30)).tokens == expected
    assert engine.graphs_note.startswith("no: the model could not be captured")
    torch.cuda.empty_cache()  # As after a shortage of memory.
    assert Engine(looking, sources=list, budget=Budget()).generate(Request(PROMPT, 30)).tokens == expected


def test_costs_are_measured_on_the_device(target: Target) -> None:
    costs = Budget.measured(target).costs.by_size
    assert costs
    assert all(seconds > 0 for seconds in costs.values())


def margins(target: Target, job: Request, found: Sequence[int], plain: Sequence[int]) -> list[float]:
    """Where two outputs of a job first differ: how far apart the two best logits are there, in the target's own."""
    for at, (ours, theirs) in enumerate(zip(found, plain, strict=True)):
        if ours != theirs:
            ids = torch.tensor([[*job.prompt, *plain[:at]]], device="cuda")
            with torch.inference_mode():
                scores_V = target.model(input_ids=ids, use_cache=False).logits[0, -1].float().cpu().numpy()
            second, best = np.sort(scores_V)[-2:]
            return [float(best - second)]
    return []


def differences(target: Target) -> dict[str, list[float]]:
    """First differences to plain decoding of one session: with drafts, and of plain decoding in a batch of eight."""
    requests = [Request((*job.prompt[:12], *PROMPT), 100) for job in jobs(32)]
    plain = [Engine(target, sources=list, budget=Budget()).generate(job).tokens for job in requests]
    found: dict[str, list[float]] = {"drafts": [], "batch": []}
    for job, tokens in zip(requests, plain, strict=True):
        oracle = Oracle(tokens, branches=1)
        drafted = Engine(target, sources=lambda: [oracle], budget=Budget()).generate(job).tokens  # noqa: B023
        found["drafts"] += margins(target, job, drafted, tokens)
    shared = Engine(target, sources=list, budget=Budget(), max_rows=8)
    sessions = [shared.session(job) for job in requests]
    interleave(shared, sessions)
    for job, session, tokens in zip(requests, sessions, plain, strict=True):
        found["batch"] += margins(target, job, session.tokens, tokens)
    return found


def test_float32_differs_only_at_near_ties() -> None:
    found = differences(on_device("llama", torch.float32))
    assert all(margin < 1e-4 for margin in found["drafts"]), found


def test_bfloat16_differs_no_more_than_a_batch_does(capsys: pytest.CaptureFixture[str]) -> None:
    """The rate of divergence and its margins, beside the control: plain decoding alone and in a batch of eight."""
    found = differences(on_device("llama", torch.bfloat16))
    with capsys.disabled():
        print("\nbfloat16, first differences in 32 outputs of 100 tokens (margins of the two best logits):")  # noqa: T201
        for way, margin in found.items():
            print(f"  {way}: {len(margin)}, margins {[round(one, 4) for one in sorted(margin)]}")  # noqa: T201
    assert len(found["drafts"]) <= 2 * len(found["batch"]) + 3
    assert max(found["drafts"], default=0.0) <= 2 * max(found["batch"], default=0.0) + 0.1
