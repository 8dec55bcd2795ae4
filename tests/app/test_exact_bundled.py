"""The whole product path is exact: real prompts, real processors, the bundled target, every quality of drafts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from app.bench.speed.hugging_face import HuggingFace
from app.bench.workload.jobs import answer_job, grammar_job
from app.config.settings import TINY, Settings
from app.loading.bundled import TARGET, bundled_folder
from app.pipeline import Pipeline
from corpora.sample import sample_documents
from corpora.text.chunking import sentences
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.base import DraftSource
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from tests.support.fakes import AlwaysWrong, Oracle

PROMPTS = Path(__file__).parents[2] / "app" / "bench" / "data"
VOCABULARY = 8192


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The bundled target in float64; the sample corpus is built once."""
    settings = Settings(home=tmp_path_factory.mktemp("exact"), target=TINY, dtype="float64", threads=1)
    yield Pipeline.from_pretrained(corpus="sample", settings=settings)
    torch.set_num_threads(1)


def lines(name: str) -> list[str]:
    return (PROMPTS / name).read_text(encoding="utf-8").strip().split("\n")


def qualities(output: Sequence[int]) -> dict[str, Callable[[], Sequence[DraftSource]]]:
    return {
        "real": lambda: make_sources(DEFAULT_SOURCES),
        "oracle": lambda: [Oracle(output, branches=1, vocab_size=VOCABULARY)],
        "always-wrong": lambda: [AlwaysWrong(output, vocab_size=VOCABULARY)],
    }


def check(pipeline: Pipeline, requests: Sequence[Request]) -> None:
    target = pipeline.engine.target
    theirs = HuggingFace(target)
    for request in requests:
        plain = Engine(target, sources=list, budget=Budget()).generate(request)
        for name, sources in qualities(plain.tokens).items():
            drafted = Engine(target, sources=sources, budget=Budget()).generate(request)
            assert drafted.tokens == plain.tokens, name
            assert drafted.finish_reason == plain.finish_reason
            assert not drafted.drafter.failed
        assert theirs.greedy(request) == plain.tokens


def requests_of(pipeline: Pipeline, questions: Sequence[str], texts: Sequence[str]) -> list[Request]:
    jobs = [answer_job(pipeline, question) for question in questions]
    jobs += [grammar_job(pipeline, text) for text in texts]
    return [request for job in jobs for request in job.requests]


def more_texts() -> list[str]:
    """Sentences of the sample corpus with a slip in each."""
    found = []
    for document in sample_documents():
        for start, end in sentences(document.text)[:12]:
            sentence = " ".join(document.text[start:end].split())
            if 40 < len(sentence) < 200 and " is " in sentence:
                found.append(sentence.replace(" is ", " are ", 1))
    return found


@pytest.mark.exact
def test_two_hundred_prompts_are_exact(pipeline: Pipeline) -> None:
    questions = lines("questions.txt")
    requests = requests_of(pipeline, questions, lines("texts.txt"))
    requests += requests_of(pipeline, [f"{question[:-1]} in Python?" for question in questions], more_texts())
    assert len(requests) >= 200
    check(pipeline, requests[:240])


def test_some_prompts_are_exact(pipeline: Pipeline) -> None:
    check(pipeline, requests_of(pipeline, lines("questions.txt")[:2], lines("texts.txt")[:2]))


def test_the_bundled_target_is_there() -> None:
    assert (bundled_folder(TARGET) / "model.safetensors").is_file()
