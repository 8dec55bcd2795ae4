"""A pretrained target answers in quotations as it was calibrated, freely where that is asked for, and ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.answering.stream import REPEATS
from app.config.settings import Settings
from app.generation.modes import Mode
from app.generation.prompts import REFUSAL
from app.pipeline import Pipeline
from tests.support.tiny import hits_of

pytestmark = pytest.mark.real_weights

FACTS = {
    "When is a finally clause executed?": "The finally clause is always executed on the way out of the try statement.",
    "When are default values evaluated?": "Default values are evaluated once, when the function is defined.",
    "What does the with statement do?": "The with statement wraps the execution of a block with methods defined by a "
    "context manager.",
}
ELSEWHERE = ("What is the capital of France?", "Who won the world cup in 1998?")


@pytest.fixture(scope="module")
def pipeline(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    settings = Settings(home=tmp_path_factory.mktemp("home"), target=str(smollm2), threads=1, dtype="float32")
    return Pipeline.from_pretrained(corpus=None, settings=settings)


def test_its_calibration_is_found_and_facts_are_quoted_by_default(pipeline: Pipeline) -> None:
    assert pipeline.builder.biases.evidence_slope > 0
    assert pipeline.builder.eos_ids == {pipeline.builder.tokens.hf.convert_tokens_to_ids("<|im_end|>")}
    assert pipeline.builder.mode("What does it hold?") is Mode.QUOTATION
    assert pipeline.builder.mode("Summarise the letter.") is Mode.QUOTATION
    assert pipeline.builder.mode("Explain what it holds.") is Mode.ANSWER


@pytest.mark.parametrize("question", FACTS)
def test_a_fact_is_quoted_from_where_it_stands(pipeline: Pipeline, question: str) -> None:
    drafted = pipeline.answer_from(question, hits_of(), scope=None)
    plain = pipeline.answer_from(question, hits_of(), scope=None, speculate=False)
    assert drafted.text == plain.text
    assert drafted.citations == plain.citations
    assert FACTS[question] in drafted.text
    assert drafted.finish_reason == "eos"
    cited = [drafted.text[one.answer_start : one.answer_end] for one in drafted.citations]
    assert FACTS[question] in cited
    assert drafted.stats.target_forwards < plain.stats.target_forwards


@pytest.mark.parametrize("question", ELSEWHERE)
def test_what_the_passages_do_not_hold_is_refused(pipeline: Pipeline, question: str) -> None:
    answer = pipeline.answer_from(question, hits_of(), scope=None)
    assert answer.text == REFUSAL
    assert not answer.citations


def test_a_free_answer_cites_what_it_copied_and_is_the_same_without_drafts(pipeline: Pipeline) -> None:
    question = "Describe when a finally clause is executed."
    drafted = pipeline.answer_from(question, hits_of(), scope=None, max_new_tokens=40)
    plain = pipeline.answer_from(question, hits_of(), scope=None, max_new_tokens=40, speculate=False)
    assert drafted.text == plain.text
    assert drafted.citations == plain.citations
    cited = [one for one in drafted.citations if one.kind == "copied"]
    assert cited
    for one in cited:
        source = next(passage for passage in drafted.passages if passage.document == one.document)
        copied = source.text[one.source_start - source.start : one.source_end - source.start]
        assert copied == drafted.text[one.answer_start : one.answer_end]


def test_a_chat_ends_where_it_repeats_itself(pipeline: Pipeline) -> None:
    said = "I like green apples very much."
    drafted, plain = (
        pipeline.chat(f"Repeat after me: {said} {said} {said}", max_new_tokens=64, scope=None, speculate=speculate)
        for speculate in (True, False)
    )
    assert drafted.text == plain.text == said
    assert drafted.notice == plain.notice
    assert (drafted.notice or "").lower().rstrip(".") == REPEATS
    assert drafted.finish_reason == plain.finish_reason == "stop"
    assert drafted.stats.tokens == plain.stats.tokens
