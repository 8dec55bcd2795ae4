"""What the speed bench asks for: questions and texts as the app would ask them, recorded outputs, or noise.

A job is one question or one text; it knows no method.

The bundled prompts of the benches: questions on the sample corpus, and texts to correct, one a line.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from app.answering.request import answer_request
from app.bench.workload.traces import Forced, Trace, forced_request
from app.config.generation_options import GenerationOptions
from app.correction.request import correction_request
from app.correction.segments import segments
from app.errors import InputError
from app.pipeline import Pipeline
from decoding.interfaces import Reference, Request

_NOISE_PROMPT, _NOISE_OUTPUT = 256, 64


@dataclass(frozen=True, slots=True)
class Job:
    """The requests that one question or text makes, and the seconds spent before the model was asked."""

    requests: tuple[Request, ...]
    prepare_s: float = 0.0

    def in_run(self, number: int) -> Job:
        """The same among the outputs of one run: those of another would be drafted whole, being the same."""
        requests = [
            one if one.scope is None else replace(one, scope=f"{one.scope} run {number}") for one in self.requests
        ]
        return replace(self, requests=tuple(requests))


def asked(pipeline: Pipeline, task: str, n: int) -> list[Job]:
    """The first ``n`` bundled prompts of a task."""
    make = answer_job if task == "answer" else grammar_job
    texts = prompts(task)[:n]
    return [make(pipeline, text) for text in [texts[0], *texts]][1:]  # The first one loads the encoder.


def answer_job(pipeline: Pipeline, question: str) -> Job:
    """Retrieve and build the prompt as an answer does."""
    settings, builder = pipeline.settings, pipeline.builder
    assert pipeline.corpus is not None
    started = time.perf_counter()
    found = pipeline.corpus.retrieve(question, settings.k, settings.evidence_sentences)
    options = builder.resolve(GenerationOptions())
    prompt = builder.template.answer(question, found.hits, found.evidence, builder.room(options.max_new_tokens))
    return Job((answer_request(builder, prompt, options),), time.perf_counter() - started)


def grammar_job(pipeline: Pipeline, text: str) -> Job:
    """The requests that correcting a text makes, one a sentence."""
    started = time.perf_counter()
    options = pipeline.builder.resolve(GenerationOptions(do_sample=False))
    sentences = [text[segment.start : segment.end] for segment in segments(text)]
    wanted = [correction_request(pipeline.builder, pipeline.edit_proposer, one, options) for one in sentences]
    return Job(tuple(request for request in wanted if request is not None), time.perf_counter() - started)


def recorded(traces: Sequence[Trace]) -> list[Job]:
    """Recorded outputs, to which the target's choice is forced."""
    return [Job((forced_request(trace),)) for trace in traces]


def spread_over(traces: Sequence[Trace], *, tokens: int, vocab_size: int) -> list[Trace]:
    """The same records in the ids of another vocabulary: different ids stay different, equal ones equal.

    ``tokens`` is how many ids the records may have. Raises InputError if the vocabulary is smaller.
    """
    if tokens > vocab_size:
        raise InputError(
            f"The records have up to {tokens} different tokens, the shape only {vocab_size}.",
            hint="Choose a --tokenizer with fewer.",
        )
    stride = vocab_size // tokens
    return [_remapped(trace, stride) for trace in traces]


def _remapped(trace: Trace, stride: int) -> Trace:
    def ids(tokens: Sequence[int]) -> tuple[int, ...]:
        return tuple(token * stride for token in tokens)

    request = trace.request
    references = tuple(replace(one, ids=ids(one.ids), lead=ids(one.lead), edits=()) for one in request.references)
    openings = tuple(replace(one, ids=ids(one.ids)) for one in request.openings)
    ends = frozenset(ids(sorted(request.eos_ids)))
    request = replace(request, prompt=ids(request.prompt), references=references, eos_ids=ends, openings=openings)
    return Trace(request, ids(trace.output), tuple(ids(one) for one in trace.passages))


def nothing_to_copy(n: int, *, vocab_size: int) -> list[Job]:
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


_FILES = {"answer": "questions.txt", "grammar": "texts.txt"}


def prompts(task: str) -> list[str]:
    """The prompts of ``answer`` or ``grammar``."""
    file = Path(__file__).parents[1] / "data" / _FILES[task]
    return file.read_text(encoding="utf-8").strip().split("\n")
