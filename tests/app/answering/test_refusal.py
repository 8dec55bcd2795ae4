"""A refusal is drafted whole: one or two forwards of the target, and the text that plain decoding writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.answering.stream import answer_request
from app.config.generation_options import GenerationOptions
from app.config.settings import TINY, Settings
from app.generation.logit_biases import LogitBiases
from app.generation.prompts import REFUSAL
from app.loading.search_models import SearchModels
from app.pipeline import Pipeline
from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import CostModel
from decoding.engine import Engine
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from retrieval.interfaces import log_odds
from tests.support.tiny import QUESTION, builder_of, hits_of

ELSEWHERE = ("What is the capital of France?", "Who won the world cup?", "Why is the sky blue?")


@pytest.fixture(scope="module")
def refusing(tiny_bundled: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A random target that always refuses, and drafts as the real one."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    builder = builder_of(tiny_bundled, settings, biases=LogitBiases(least_odds=1000.0))
    budget = Budget(limit=32, costs=_costs())
    engine = Engine(builder.engine.target, sources=lambda: make_sources(DEFAULT_SOURCES), budget=budget)
    return Pipeline.of(replace(builder, engine=engine), SearchModels(settings), target_name="tiny")


def _costs() -> CostModel:
    """A processor on which a node costs a twentieth of a forward."""
    return CostModel({1: 0.01, 2: 0.0105, 64: 0.0415})


def test_a_refusal_takes_one_forward_and_is_what_plain_decoding_writes(refusing: Pipeline) -> None:
    plain = refusing.answer_from(QUESTION, hits_of(), speculate=False)
    for scope in (None, "a", "a"):
        drafted = refusing.answer_from(QUESTION, hits_of(), scope=scope)
        assert drafted.text == plain.text == REFUSAL
        assert drafted.stats.tokens == plain.stats.tokens == plain.stats.target_forwards > 4
        assert drafted.stats.target_forwards == 1
        assert drafted.stats.by_source["evidence"].accepted == drafted.stats.tokens - 1


def test_a_refusal_that_nobody_expected_takes_two(refusing: Pipeline) -> None:
    builder = replace(refusing.builder, biases=LogitBiases(least_odds=-1000.0))
    hits = hits_of()
    prompt = builder.template.answer(QUESTION, hits, refusing.find_evidence(QUESTION, hits, 8), builder.room(64))
    options = builder.resolve(GenerationOptions(scope=None, max_new_tokens=64))
    unexpected, expected = (answer_request(one, prompt, options) for one in (builder, refusing.builder))
    assert unexpected.openings[0].chance < 1e-9 < 0.99 < expected.openings[0].chance
    session = refusing.engine.generate(replace(expected, openings=unexpected.openings))
    assert tuple(session.tokens[:-1]) == prompt.refusal
    assert session.stats.target_forwards == 2


def test_the_evidence_settles_whether_a_quotation_or_the_refusal_is_drafted() -> None:
    tuning = LogitBiases(least_odds=0.5)
    drafted = [tuning.refusal_chance(odds, quotes=True) for odds in (None, -4.0, 0.4, 0.5, 4.0)]
    assert drafted == [1.0, 1.0, 1.0, 0.0, 0.0]
    free = [tuning.refusal_chance(odds, quotes=False) for odds in (None, -4.0, -1.0, 0.0, 1.0, 4.0)]
    assert free == sorted(free, reverse=True)
    assert free[0] == tuning.refusal_chance(log_odds(0.0), quotes=False) > 0.99
    assert free[3] == 0.5
    assert free[-1] < 0.02


def test_no_target_refuses_what_is_found_or_answers_what_is_not(refusing: Pipeline) -> None:
    """A random one prefers either as it likes; what is found decides."""
    hits = hits_of()
    found = refusing.find_evidence(QUESTION, hits, 8)
    best = max(one.relevance for one in found)
    for least, is_refusal in ((best - 0.01, False), (best + 0.01, True)):
        builder = replace(refusing.builder, biases=LogitBiases(least_odds=least))
        pipeline = Pipeline.of(builder, refusing.models, target_name="tiny")
        for do_sample in (False, True):
            answer = pipeline.answer_from(QUESTION, hits, do_sample=do_sample, temperature=5.0 if do_sample else None)
            assert (answer.text == REFUSAL) is is_refusal


def test_the_bundled_target_refuses_in_two_forwards_at_most(tmp_path: Path) -> None:
    pipeline = Pipeline.from_pretrained(corpus=None, settings=Settings(home=tmp_path, target=TINY, threads=1))
    pipeline.engine.budget.costs = _costs()
    for question in ELSEWHERE:
        plain = pipeline.answer_from(question, hits_of(), speculate=False)
        drafted = pipeline.answer_from(question, hits_of(), scope=None)
        assert plain.text.strip() == drafted.text.strip() == REFUSAL
        assert drafted.stats.target_forwards <= 2 < plain.stats.target_forwards
