"""Jobs of the benches: the bundled prompts as the app would ask them, recorded outputs, or noise.

A job holds the requests of one question or one text. Knows the pipeline and token ids; must not know methods.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.answering.stream import answer_request
from app.bench.workload.records import is_texts, read_records
from app.bench.workload.traces import Forced, Trace, forced_request
from app.config.generation_options import GenerationOptions
from app.correction.segments import segments
from app.correction.stream import correction_request
from app.errors import InputError
from app.generation.modes import Mode
from app.generation.prompts import Message
from app.pipeline import Pipeline
from decoding.interfaces import Reference, Request

_DATA = Path(__file__).parents[1] / "data"
_FILES = {"answer": "questions.txt", "grammar": "paragraphs.txt", "sentences": "texts.txt"}
_CONVERSATIONS = _DATA / "conversations.jsonl"
_CHAT_OUTPUT = 200
_NOISE_PROMPT, _NOISE_OUTPUT = 256, 64
"""Tokens of a job of noise."""


@dataclass(frozen=True, slots=True)
class Job:
    """The requests of one question or text, and the seconds spent before the model is asked."""

    requests: tuple[Request, ...]
    prepare_s: float = 0.0

    def in_run(self, number: int) -> Job:
        """The job in a scope of its own: the equal outputs of an earlier run would be drafted whole."""
        requests = [
            request if request.scope is None else replace(request, scope=f"{request.scope} run {number}")
            for request in self.requests
        ]
        return replace(self, requests=tuple(requests))


def prompts(task: str) -> list[str]:
    """The bundled prompts of a task: ``answer`` (questions on the sample corpus), ``grammar`` (paragraphs to correct)
    or ``sentences`` (short texts to correct, of which the bundled records and the items of `bench criteria` were made).
    """
    return (_DATA / _FILES[task]).read_text(encoding="utf-8").strip().split("\n")


def conversations() -> list[tuple[str, ...]]:
    """The bundled conversations: turns of user and assistant in turn, the last one the user's."""

    def parse(record: dict[str, Any]) -> tuple[str, ...] | None:
        turns = record.get("turns")
        return tuple(turns) if is_texts(turns) and len(turns) % 2 else None

    return read_records(_CONVERSATIONS, parse, form="turns, of user and assistant in turn")


def prompt_jobs(pipeline: Pipeline, task: str, n: int) -> list[Job]:
    """Jobs of the first ``n`` bundled prompts of a task: ``answer``, ``grammar`` or ``chat``.

    Raises InputError for a model that cannot chat.
    """
    if task == "chat":
        return [chat_job(pipeline, turns) for turns in conversations()[:n]]
    make = answer_job if task == "answer" else grammar_job
    texts = prompts(task)[:n]
    return [make(pipeline, text) for text in [texts[0], *texts]][1:]  # The first one loads the encoder.


def answer_job(pipeline: Pipeline, question: str) -> Job:
    """Retrieve and build the prompt of one question, as answering does."""
    settings, builder = pipeline.settings, pipeline.builder
    assert pipeline.corpus is not None
    started = time.perf_counter()
    retrieved = pipeline.corpus.retrieve(question, settings.k, settings.evidence_sentences)
    options = builder.resolve(GenerationOptions(), builder.mode(question))
    prompt = builder.answer_prompt(question, retrieved, options)
    return Job((answer_request(builder, prompt, options),), time.perf_counter() - started)


def grammar_job(pipeline: Pipeline, text: str) -> Job:
    """The requests of correcting a text, one a segment."""
    started = time.perf_counter()
    options = pipeline.builder.resolve(GenerationOptions(do_sample=False))
    texts = [text[segment.start : segment.end] for segment in segments(text)]
    requests = [correction_request(pipeline.builder, pipeline.edit_proposer, part, options) for part in texts]
    return Job(tuple(request for request in requests if request is not None), time.perf_counter() - started)


def chat_job(pipeline: Pipeline, turns: Sequence[str]) -> Job:
    """A free answer to the last turn of a conversation: no documents, nothing to copy but the conversation."""
    builder = pipeline.builder
    options = builder.resolve(GenerationOptions(do_sample=False, max_new_tokens=_CHAT_OUTPUT), Mode.CHAT)
    messages = [Message("assistant" if number % 2 else "user", text) for number, text in enumerate(turns)]
    started = time.perf_counter()
    request = answer_request(builder, builder.chat_prompt(messages, options), options)
    return Job((request,), time.perf_counter() - started)


def recorded_jobs(traces: Sequence[Trace]) -> list[Job]:
    """Jobs that force the target to write recorded outputs."""
    return [Job((forced_request(trace),)) for trace in traces]


def in_vocabulary(traces: Sequence[Trace], *, tokens: int, vocab_size: int) -> list[Trace]:
    """The same records in the ids of a larger vocabulary: different ids stay different, equal ones equal.

    ``tokens`` is the number of ids that the records may have. Raises InputError if the vocabulary is smaller.
    """
    if tokens > vocab_size:
        raise InputError(
            f"the records have up to {tokens} different tokens, the shape only {vocab_size}",
            hint="choose a --tokenizer with fewer",
        )
    stride = vocab_size // tokens
    return [_remapped(trace, stride) for trace in traces]


def _remapped(trace: Trace, stride: int) -> Trace:
    def ids(tokens: Sequence[int]) -> tuple[int, ...]:
        return tuple(token * stride for token in tokens)

    request = trace.request
    references = tuple(
        replace(reference, ids=ids(reference.ids), lead=ids(reference.lead), edits=())
        for reference in request.references
    )
    openings = tuple(replace(opening, ids=ids(opening.ids)) for opening in request.openings)
    ends = frozenset(ids(sorted(request.eos_ids)))
    request = replace(request, prompt=ids(request.prompt), references=references, eos_ids=ends, openings=openings)
    return Trace(request, ids(trace.output), tuple(ids(passage) for passage in trace.passages))


def noise_jobs(n: int, *, vocab_size: int) -> list[Job]:
    """Forced random tokens behind a random prompt, no id twice: no draft can be right."""
    noise = np.random.default_rng(0)
    jobs = []
    for _ in range(n):
        ids = tuple(noise.choice(vocab_size, _NOISE_PROMPT + _NOISE_OUTPUT, replace=False).tolist())
        prompt, output = ids[:_NOISE_PROMPT], ids[_NOISE_PROMPT:]
        request = Request(
            prompt,
            _NOISE_OUTPUT,
            references=(Reference(prompt[:-1], prompt_start=0),),
            processors=(Forced(output),),
            task="nothing",
        )
        jobs.append(Job((request,)))
    return jobs
