"""Drafts change nothing in a pretrained model: SmolLM2 on prompts of the app, as trees, as chains and in batches.

What tiny random weights cannot show: logits of real spread, near ties where people ask, outlier activations. Float32 is
held to the design's rule, int8 to not one other id, bfloat16 to the rate at which plain decoding in a batch differs
from plain decoding alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pytest
import torch

from app.answering.stream import answer_request
from app.bench.speed.divergence import rows
from app.bench.workload.jobs import answer_job, chat_job, conversations, grammar_job, prompts
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.pipeline import Pipeline
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.sources.base import DraftSource
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target.capability import Capability
from decoding.target.loading import load_target
from decoding.target.quantized import has_int8
from decoding.target.target import Target
from retrieval.interfaces import Retrieved
from tests.support.fakes import AlwaysWrong, Oracle
from tests.support.near_ties import NearTies
from tests.support.tiny import QUESTION, hits_of
from tests.support.trials import alone, say, together

pytestmark = pytest.mark.real_weights

PRECISIONS = ("float32", pytest.param("int8", marks=pytest.mark.skipif(not has_int8(), reason="no int8 here")))
"""Those in which drafts must not change an id, but for float32's near ties."""
EACH = 20
NEW_TOKENS = 32
BATCHES = (3, 8)
Sources = Callable[[], Sequence[DraftSource]]


class Judge(Protocol):
    """Compares outputs of one request, and says at the end whether they may differ so."""

    def compare(self, request: Request, found: Sequence[int], plain: Sequence[int]) -> None: ...

    def judge(self) -> None: ...


@dataclass(slots=True)
class Same:
    """Not one other id."""

    name: str
    tokens: int = 0

    def compare(self, request: Request, found: Sequence[int], plain: Sequence[int]) -> None:
        assert list(found) == list(plain), self.name
        self.tokens += len(plain)

    def judge(self) -> None:
        say(f"{self.name}: {self.tokens} tokens, 0 differ")
        assert self.tokens


@pytest.fixture(scope="module")
def settings(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """SmolLM2 in float32, for the prompts: all precisions are asked the same."""
    return Settings(home=tmp_path_factory.mktemp("smollm2"), target=str(smollm2), dtype="float32", threads=1)


@pytest.fixture(scope="module")
def pipeline(settings: Settings) -> Iterator[Pipeline]:
    """Without a corpus: the sample takes a minute to build."""
    yield Pipeline.from_pretrained(corpus=None, settings=settings)
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def sample(settings: Settings) -> Iterator[Pipeline]:
    """With the sample corpus."""
    yield Pipeline.from_pretrained(corpus="sample", settings=settings)
    torch.set_num_threads(1)


def some_requests(pipeline: Pipeline) -> list[Request]:
    """An answer from passages, a turn of a conversation, and a correction, short ones."""
    builder, hits = pipeline.builder, hits_of()
    options = builder.resolve(GenerationOptions(), builder.mode(QUESTION))
    found = Retrieved(tuple(hits), pipeline.find_evidence(QUESTION, hits, 3), "en")
    chat, correction = chat_job(pipeline, conversations()[3]), grammar_job(pipeline, prompts("grammar")[0])
    made = [answer_request(builder, builder.answer_prompt(QUESTION, found, options), options)]
    made += [chat.requests[0], correction.requests[0]]
    return [replace(request, max_new_tokens=12, sampling=Sampling(), scope=None) for request in made]


def requests_of(pipeline: Pipeline, each: int) -> list[Request]:
    """As many answers, chats and corrections, one after the other; each fourth request is sampled."""
    jobs = [
        job
        for question, text, turns in zip(
            prompts("answer")[:each], prompts("grammar")[:each], conversations()[:each], strict=True
        )
        for job in (answer_job(pipeline, question), chat_job(pipeline, turns), grammar_job(pipeline, text))
    ]
    greedy = [replace(job.requests[0], max_new_tokens=NEW_TOKENS, sampling=Sampling(), scope=None) for job in jobs]
    hot = [Sampling(do_sample=True, temperature=0.8, seed=seed) for seed in range(len(greedy))]
    return [
        replace(request, sampling=hot[number]) if number % 4 == 3 else request for number, request in enumerate(greedy)
    ]


def engine_of(target: Target, sources: Sources, *, rows: int = 1) -> Engine:
    """Fixed T(n), nothing learned: runs repeat."""
    return Engine(target, sources=sources, budget=Budget(limit=24), calibration=Calibration(frozen=True), max_rows=rows)


def real() -> Sequence[DraftSource]:
    return make_sources(DEFAULT_SOURCES)


def check(target: Target, requests: Sequence[Request], judge: Judge, *, batches: Sequence[int] = BATCHES) -> None:
    """Every way beside plain decoding alone: real drafts, right ones beside wrong siblings, wrong ones everywhere."""
    assert target.capability is Capability.TREE, target.capability.description
    chains = replace(target, capability=Capability.CHAIN, max_rows=1)
    outputs = [alone(engine_of(target, list), request).tokens for request in requests]
    accepted = 0
    for number, (request, plain) in enumerate(zip(requests, outputs, strict=True)):
        right: Sources = lambda: [Oracle(plain, branches=1, vocab_size=target.vocab_size)]  # noqa: B023, E731
        wrong: Sources = lambda: [AlwaysWrong(plain, branches=2, vocab_size=target.vocab_size)]  # noqa: B023, E731
        tried = [(target, real), (target, right), (chains, right if number % 2 else real)]
        if number % 3 == 0:
            tried.append((target, wrong))
        for verifier, sources in tried:
            session = engine_of(verifier, sources).generate(request)
            assert not session.drafter.failed
            judge.compare(request, session.tokens, plain)
            accepted += session.stats.accepted
    for size in batches:
        engine = engine_of(target, real, rows=size)
        for start in range(0, len(requests), size):
            group = slice(start, start + size)
            found = together(engine, requests[group])
            for request, (_, outcome), plain in zip(requests[group], found, outputs[group], strict=True):
                judge.compare(request, outcome.tokens, plain)
    assert accepted > sum(map(len, outputs)) / 2, "drafts were tried"
    judge.judge()


def loaded(folder: Path, precision: str) -> tuple[Target, Judge]:
    target = load_target(str(folder), dtype=precision)
    name = f"SmolLM2, {precision}"
    return target, NearTies(replace(target, name=name)) if precision == "float32" else Same(name)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_drafts_change_nothing_on_some_prompts(pipeline: Pipeline, smollm2: Path, precision: str) -> None:
    target, judge = loaded(smollm2, precision)
    check(target, some_requests(pipeline), judge, batches=(3,))


@pytest.mark.exact
@pytest.mark.parametrize("precision", PRECISIONS)
def test_drafts_change_nothing_on_60_prompts(sample: Pipeline, smollm2: Path, precision: str) -> None:
    target, judge = loaded(smollm2, precision)
    check(target, requests_of(sample, EACH), judge)


@pytest.mark.exact
def test_bfloat16_differs_no_more_than_a_batch_does(sample: Pipeline, smollm2: Path) -> None:
    """The rate of divergence and its margins, beside the control: plain decoding alone and in a batch of eight."""
    target = load_target(str(smollm2), dtype="bfloat16")
    assert target.capability is Capability.TREE, target.capability.description
    requests = [replace(request, sampling=Sampling()) for request in requests_of(sample, EACH)]
    drafted, control = rows(target, requests)
    for row in (drafted, control):
        say("SmolLM2, bfloat16, " + ", ".join(f"{key} {value}" for key, value in row.items()))
        assert row["unexplained"] == 0
    assert int(str(drafted["diverged"])) <= 2 * int(str(control["diverged"])) + 3
