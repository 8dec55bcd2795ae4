"""Row 1 of the promise: drafts never change an id. Every source quality, four architectures, greedy and sampled."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from decoding.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import DraftSource, Reference, Request, Sampling
from decoding.session import Session
from decoding.sources import DEFAULT_SOURCES, make_sources
from decoding.target import Target
from tests.fakes import ARCHITECTURES, VOCABULARY, AlwaysWrong, Oracle

NEW_TOKENS = 40
SAMPLINGS = {
    "greedy": Sampling(),
    "hot": Sampling(do_sample=True, temperature=1.3, seed=5),
    "kept": Sampling(do_sample=True, temperature=0.8, top_k=8, top_p=0.9, seed=6),
}
Factory = Callable[[Sequence[int]], Callable[[], Sequence[DraftSource]]]
QUALITIES: dict[str, Factory] = {
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


def run(target: Target, job: Request, sources: Callable[[], Sequence[DraftSource]]) -> Session:
    return Engine(target, sources=sources, budget=Budget(limit=24)).generate(job)


def plain(target: Target, job: Request) -> list[int]:
    return run(target, job, list).tokens


def check_equal(target: Target, seeds: Sequence[int], samplings: Sequence[str] = tuple(SAMPLINGS)) -> None:
    for name in samplings:
        sampling = SAMPLINGS[name]
        for seed in seeds:
            job = request(seed, sampling)
            expected = plain(target, job)
            assert len(expected) == NEW_TOKENS
            for quality, sources in QUALITIES.items():
                session = run(target, job, sources(expected))
                assert session.tokens == expected, (target.name, name, seed, quality)
                assert not session.drafter.failed
                if quality == "oracle":
                    assert session.stats.accepted == session.stats.drafted > 0
                if quality == "always-wrong":
                    assert session.stats.accepted == 0 < session.stats.drafted
            if name == "greedy":
                ids = torch.tensor([job.prompt])
                theirs = target.model.generate(
                    ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
                )
                assert theirs[0, len(job.prompt) :].tolist() == expected


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drafts_never_change_an_id(targets: dict[str, Target], architecture: str) -> None:
    check_equal(targets[architecture], range(3))


@pytest.mark.exact
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_drafts_never_change_an_id_on_200_prompts(targets: dict[str, Target], architecture: str) -> None:
    check_equal(targets[architecture], range(1000, 1200), ["greedy"])
    check_equal(targets[architecture], range(1200, 1250), ["hot", "kept"])


@pytest.mark.exact
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_float32_differs_only_where_the_two_best_are_nearly_equal(
    targets: dict[str, Target], architecture: str
) -> None:
    """The design's rule: at a first difference the plain run's two best logits are within 1e-4."""
    target = Target.of(targets[architecture].model.float(), name=architecture)
    try:
        for seed in range(50):
            job = request(seed, Sampling())
            expected = plain(target, job)
            for quality, sources in QUALITIES.items():
                ours = run(target, job, sources(expected)).tokens
                differing = [at for at, (a, b) in enumerate(zip(ours, expected, strict=True)) if a != b]
                if differing:
                    ids = torch.tensor([[*job.prompt, *expected[: differing[0]]]])
                    best = target.model(ids).logits[0, -1].topk(2).values.tolist()
                    assert best[0] - best[1] < 1e-4, (architecture, seed, quality)
    finally:
        targets[architecture].model.double()


def test_a_wrong_acceptance_rule_would_be_seen(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: accepting any drafted child must turn the comparison red."""
    from decoding import session as module
    from decoding.acceptance import Walk
    from decoding.tree import TokenTree

    def accept_anything(tree: TokenTree, draw: Callable[[int], int], ended: Callable[[int], bool]) -> Walk:
        token = next(iter(tree.children[0]), None)
        if token is None:
            drawn = draw(0)
            ended(drawn)
            return Walk((), (drawn,))
        draw(0)
        ended(token)
        return Walk((tree.children[0][token],), (token,))

    job = request(1, Sampling())
    expected = plain(llama, job)
    monkeypatch.setattr(module, "one_draw", accept_anything)
    cheated = run(llama, job, lambda: [AlwaysWrong(expected)]).tokens
    assert cheated != expected[: len(cheated)]


def test_positions_near_the_end_of_the_context_are_exact(targets: dict[str, Target]) -> None:
    """A prompt that leaves room for less than one draft: the same ids, and the reason is the context."""
    target = targets["gpt2"]
    rng = np.random.default_rng(0)
    prompt = tuple(int(token) for token in rng.integers(1, VOCABULARY, target.context_length - 5))
    job = Request(prompt, 50)
    expected = run(target, job, list)
    assert len(expected.tokens) == 5
    drafted = run(target, job, lambda: [Oracle(expected.tokens)])
    assert drafted.tokens == expected.tokens
    assert drafted.finish_reason == expected.finish_reason == "context"
