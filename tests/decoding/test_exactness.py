"""Rows 1 and 4 of the promise: drafts never change an id. Every quality of drafts and every pair of processors.

The reference is plain decoding written a second time (`trials.by_hand`), and Hugging Face's where it is greedy. The
design that crosses all of this with batches, shapes and windows stands in test_pairwise.py.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Reference, Request, Sampling
from decoding.scheduling.session import Session
from decoding.sources.base import DraftSource
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target.loading import target_of
from decoding.target.target import Target
from tests.support.designs import ENDS, PROCESSORS, processors_of
from tests.support.fakes import ARCHITECTURES, VOCABULARY, AlwaysWrong, Oracle, Repeating
from tests.support.near_ties import NearTies
from tests.support.trials import alone, by_hand, say

NEW_TOKENS = 40
SAMPLINGS = {
    "greedy": Sampling(),
    "hot": Sampling(do_sample=True, temperature=1.3, seed=5),
    "kept": Sampling(do_sample=True, temperature=0.8, top_k=8, top_p=0.9, seed=6),
}
Sources = Callable[[], Sequence[DraftSource]]
QUALITIES: dict[str, Callable[[Sequence[int]], Sources]] = {
    "real": lambda output: lambda: make_sources((*DEFAULT_SOURCES, "prompt-lookup")),
    "oracle": lambda output: lambda: [Oracle(output)],
    "oracle-tree": lambda output: lambda: [Oracle(output, branches=2)],
    "always-wrong": lambda output: lambda: [AlwaysWrong(output)],
    "mixed": lambda output: lambda: [*make_sources(DEFAULT_SOURCES), Oracle(output, branches=1), AlwaysWrong(output)],
}


def request(seed: int, sampling: Sampling) -> Request:
    """A prompt with repetitions, a reference outside it and, now and then, a text to rewrite."""
    rng = random.Random(seed)
    phrase = [rng.randrange(1, VOCABULARY) for _ in range(rng.randrange(4, 12))]
    noise = [rng.randrange(1, VOCABULARY) for _ in range(rng.randrange(2, 10))]
    prompt = (*phrase, *noise, *phrase[: rng.randrange(1, len(phrase))])
    references = (
        Reference(tuple(noise + phrase), lead=tuple(phrase[:2])),
        Reference(tuple(phrase), prompt_start=0, cursor=seed % 3 == 0),
    )
    return Request(prompt, NEW_TOKENS, references=references, sampling=sampling)


def engine_of(target: Target, sources: Sources) -> Engine:
    """Fixed T(n), nothing learned: runs repeat."""
    return Engine(target, sources=sources, budget=Budget(limit=24), calibration=Calibration(frozen=True))


def run(target: Target, job: Request, sources: Sources) -> Session:
    return engine_of(target, sources).generate(job)


def hugging_face(target: Target, job: Request) -> tuple[int, ...]:
    ids = torch.tensor([job.prompt])
    theirs = target.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=job.max_new_tokens, do_sample=False, pad_token_id=0
    )
    return tuple(theirs[0, len(job.prompt) :].tolist())


def check_equal(target: Target, seeds: Iterable[int], samplings: Sequence[str] = tuple(SAMPLINGS)) -> int:
    """Outputs of every quality against plain decoding; how many tokens were compared."""
    compared = 0
    for name, seed in itertools.product(samplings, seeds):
        job = request(seed, SAMPLINGS[name])
        expected = by_hand(target, job).tokens
        assert len(expected) == NEW_TOKENS
        assert tuple(run(target, job, list).tokens) == expected, "without drafts"
        if name == "greedy":
            assert hugging_face(target, job) == expected
        for quality, sources in QUALITIES.items():
            session = run(target, job, sources(expected))
            assert tuple(session.tokens) == expected, (target.name, name, seed, quality)
            assert not session.drafter.failed
            compared += len(expected)
            if quality == "oracle":
                assert session.stats.accepted == session.stats.drafted > 0
            if quality == "always-wrong":
                assert session.stats.accepted == 0 < session.stats.drafted
    return compared


def check_processors(target: Target, seeds: Iterable[int]) -> int:
    """Every processor and every pair, greedy and sampled, with drafts that run into what it forbids."""
    compared = 0
    combinations = [(one,) for one in PROCESSORS] + [*itertools.combinations(PROCESSORS, 2)]
    for seed, names in itertools.product(seeds, combinations):
        plain = replace(request(seed, SAMPLINGS["hot" if seed % 2 else "greedy"]), eos_ids=ENDS, max_new_tokens=20)
        job = replace(plain, processors=processors_of(names, plain.prompt, random.Random(seed)))
        expected = by_hand(target, job)
        for sources in (
            lambda: [Repeating()],
            lambda: [Oracle(expected.tokens, branches=1), Repeating()],  # noqa: B023
        ):
            found = alone(engine_of(target, sources), job)
            assert found.is_of(expected), (target.name, names, seed, found, expected)
            compared += len(found.tokens)
    return compared


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drafts_never_change_an_id(targets: dict[str, Target], architecture: str) -> None:
    check_equal(targets[architecture], range(2))


@pytest.mark.exact
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drafts_never_change_an_id_on_200_prompts(targets: dict[str, Target], architecture: str) -> None:
    compared = check_equal(targets[architecture], range(1000, 1200), ["greedy"])
    compared += check_equal(targets[architecture], range(1200, 1230), ["hot", "kept"])
    say(f"{architecture}: {compared} tokens, 0 differ")


def test_processors_and_their_pairs_see_the_history_of_each_node(llama: Target) -> None:
    check_processors(llama, range(2))


@pytest.mark.exact
def test_processors_and_their_pairs_on_50_prompts(targets: dict[str, Target]) -> None:
    say(f"processors: {check_processors(targets['qwen3'], range(50))} tokens, 0 differ")


@pytest.mark.exact
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_float32_differs_only_where_the_two_best_are_nearly_equal(
    targets: dict[str, Target], architecture: str
) -> None:
    """The design's rule: a difference only where the plain run's two best are within 1e-4, one in 50,000 tokens."""
    target = target_of(targets[architecture].model.float(), name=architecture)
    ties = NearTies(target)
    try:
        for seed, sampling in itertools.product(range(40), SAMPLINGS.values()):
            job = request(seed, sampling)
            expected = run(target, job, list).tokens
            for sources in QUALITIES.values():
                ties.compare(job, run(target, job, sources(expected)).tokens, expected)
    finally:
        targets[architecture].model.double()
    ties.judge()


def test_a_run_repeats_itself_exactly(llama: Target) -> None:
    """Fixed T(n) and frozen calibration: the same trees, not only the same ids."""
    job = request(3, SAMPLINGS["hot"])
    first, second = (run(llama, job, QUALITIES["real"](())).stats for _ in range(2))
    assert first.drafted_by_source == second.drafted_by_source
    assert first.accepted_by_depth == second.accepted_by_depth


def test_positions_near_the_end_of_the_context_are_exact(targets: dict[str, Target]) -> None:
    """A prompt that leaves room for less than one draft: the same ids, and the reason is the context."""
    target = targets["gpt2"]
    rng = np.random.default_rng(0)
    prompt = tuple(int(token) for token in rng.integers(1, VOCABULARY, target.context_length - 5))
    job = Request(prompt, 50)
    expected = by_hand(target, job)
    assert len(expected.tokens) == 5
    assert expected.reason == "context"
    for sources in (list, lambda: [Oracle(expected.tokens)], lambda: [Oracle(expected.tokens, branches=1)]):
        assert alone(engine_of(target, sources), job) == expected
