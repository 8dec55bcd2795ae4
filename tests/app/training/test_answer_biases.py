"""Replaying the rule of quoting gives what the engine writes, so that figures of biases are those of serving."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.answering.stream import answer_request
from app.bench.quality.answers import AnswerItem
from app.config.generation_options import GenerationOptions
from app.config.settings import Settings
from app.generation.logit_biases import LogitBiases
from app.generation.modes import Mode
from app.training.answer_biases import candidates, figures, replay_of
from tests.support.tiny import QUESTION, TEXTS, pipeline_of


@pytest.mark.parametrize("question", [QUESTION, "What is a lambda?", "Who won the world cup?"])
def test_a_replay_is_what_the_engine_writes(tiny_chat: Path, settings: Settings, question: str) -> None:
    pipeline = pipeline_of(tiny_chat, settings)
    item = AnswerItem(question, TEXTS, gold=None, answers=())
    replay = replay_of(pipeline, item)
    assert replay.prompt.mode is Mode.QUOTATION
    outputs = set()
    for biases in (*list(candidates())[::7], LogitBiases(least_odds=-1e6, end_bonus=-99)):
        builder = replace(pipeline.builder, biases=biases)
        options = builder.resolve(GenerationOptions(scope=None), Mode.QUOTATION)
        tokens = builder.engine.generate(answer_request(builder, replay.prompt, options)).tokens
        assert replay.answer(biases) == tuple(tokens[:-1])
        outputs.add(replay.answer(biases))
    assert len(outputs) > 1, "the biases matter"


def test_figures_count_answers_and_refusals(tiny_chat: Path, settings: Settings) -> None:
    pipeline = pipeline_of(tiny_chat, settings)
    answerable = AnswerItem(QUESTION, TEXTS, gold=0, answers=("finally clause",))
    replays = [replay_of(pipeline, item) for item in (answerable, AnswerItem("Who?", TEXTS, gold=None, answers=()))]
    slopes = LogitBiases(evidence_slope=1000.0)
    never = figures(replays, replace(slopes, least_odds=-1e6, end_bonus=1e6))
    assert (never.right, never.refused, never.refused_wrongly, never.sentences) == (1.0, 0.0, 0.0, 1.0)
    always = figures(replays, replace(slopes, least_odds=1e6))
    assert (always.right, always.refused, always.refused_wrongly) == (0.0, 1.0, 1.0)
