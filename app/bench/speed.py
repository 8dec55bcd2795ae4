"""``spandraft bench speed``: the same prompts on the same target, with and without drafts, and by Hugging Face.

The methods take turns prompt by prompt in one run, so that a noisy machine is noisy for all of them. Decode time
is the total minus the same prompt with one token; speed-ups are ratios of summed decode time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.bench.hugging_face import HuggingFace
from app.bench.report import Report
from app.build import open_pipeline
from app.errors import InputError
from app.options import GenerationOptions
from app.pieces import pieces
from app.pipeline import Pipeline
from app.settings import Settings
from decoding.engine import Engine
from decoding.interfaces import Request

_DATA = Path(__file__).parent / "data"
_PROMPTS = {"answer": _DATA / "questions.txt", "grammar": _DATA / "texts.txt"}
Generate = Callable[[Request], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Job:
    """The requests that one question or text makes, and the seconds spent before the model was asked."""

    requests: tuple[Request, ...]
    prepare_s: float


@dataclass(slots=True)
class Timings:
    """What one method took, an entry a job: seconds, decoded tokens, and the output."""

    decode_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    outputs: list[list[int]] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--task", choices=sorted(_PROMPTS), default="answer", help="what to generate")
    parser.add_argument("--n", type=int, default=32, help="prompts, of the 32 that are bundled (default 32)")
    parser.add_argument("--repeats", type=int, default=1, help="runs over all prompts (default 1)")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Time the four methods."""
    if args.n < 1 or args.repeats < 1:
        raise InputError("--n and --repeats must be at least 1.", hint="For example --n 8 --repeats 3.")
    pipeline = open_pipeline(corpus="sample" if args.task == "answer" else None, settings=settings)
    prompts = _PROMPTS[args.task].read_text(encoding="utf-8").strip().split("\n")[: args.n]
    make = answer_job if args.task == "answer" else grammar_job
    jobs = [make(pipeline, prompt) for prompt in [prompts[0], *prompts]][1:]  # The first one loads the encoder.
    command = f"spandraft bench speed --task {args.task} --n {args.n} --repeats {args.repeats}"
    return Report.of(command, rows(jobs, measure(methods(pipeline.engine), jobs, args.repeats)))


def methods(engine: Engine) -> dict[str, Generate]:
    """The same target asked in four ways."""
    theirs = HuggingFace(engine.target)
    return {
        "hf-greedy": theirs.greedy,
        "hf-prompt-lookup": theirs.prompt_lookup,
        "plain": lambda request: engine.generate(request, speculate=False).tokens,
        "spandraft": lambda request: engine.generate(request).tokens,
    }


def answer_job(pipeline: Pipeline, question: str) -> Job:
    """Retrieve and build the prompt as an answer does."""
    settings, writer = pipeline.settings, pipeline.writer
    assert pipeline.corpus is not None
    started = time.perf_counter()
    hits = pipeline.corpus.search(question, settings.k)
    evidence = pipeline.corpus.evidence(question, hits, settings.evidence_sentences)
    options = GenerationOptions()
    limit = options.limit(settings, writer.engine.target)
    prompt = writer.template.answer(question, hits, evidence, writer.room(limit))
    return Job((writer.answer_request(prompt, options, limit),), time.perf_counter() - started)


def grammar_job(pipeline: Pipeline, text: str) -> Job:
    """The requests that correcting a text makes, one a sentence."""
    started = time.perf_counter()
    asked = [pipeline.writer.correction_request(text[piece.start : piece.end]) for piece in pieces(text)]
    return Job(tuple(request for request in asked if request is not None), time.perf_counter() - started)


def measure(ways: Mapping[str, Generate], jobs: Sequence[Job], repeats: int) -> dict[str, Timings]:
    """Run every job with every method in turn."""
    timings = {name: Timings() for name in ways}
    for name, generate in ways.items():
        _time(generate, jobs[0], Timings())  # Warm up: first calls allocate and compile.
        print(f"warmed up {name}", file=sys.stderr)  # noqa: T201
    for _ in range(repeats):
        for job in jobs:
            for name, generate in ways.items():
                _time(generate, job, timings[name])
    return timings


def _time(generate: Generate, job: Job, timings: Timings) -> None:
    first_s = [_seconds(generate, replace(request, max_new_tokens=1))[0] for request in job.requests]
    total = [_seconds(generate, request) for request in job.requests]
    timings.first_s.append(job.prepare_s + first_s[0])
    timings.decode_s.append(sum(spent for spent, _ in total) - sum(first_s))
    timings.tokens.append(sum(len(tokens) - 1 for _, tokens in total))
    timings.outputs.append([token for _, tokens in total for token in tokens])


def _seconds(generate: Generate, request: Request) -> tuple[float, Sequence[int]]:
    started = time.perf_counter()
    tokens = generate(request)
    return time.perf_counter() - started, tokens


def rows(jobs: Sequence[Job], timings: Mapping[str, Timings]) -> list[dict[str, object]]:
    """Figures of each method beside Hugging Face's greedy decoding and beside ours without drafts."""
    table = []
    for name, one in timings.items():
        # An output of one token has no decode time, and noise may leave less than none.
        rates = [tokens / spent for tokens, spent in zip(one.tokens, one.decode_s, strict=True) if tokens and spent > 0]
        low, middle, high = _quartiles(rates)
        table.append(
            {
                "method": name,
                "tokens_per_s": middle,
                "tokens_per_s_quartiles": [low, high],
                "ttft_s": statistics.median(one.first_s),
                "speedup_vs_hf_greedy": sum(timings["hf-greedy"].decode_s) / sum(one.decode_s),
                "speedup_vs_plain": sum(timings["plain"].decode_s) / sum(one.decode_s),
                "equal": one.outputs == timings["plain"].outputs,
                "prompts": len(jobs),
            }
        )
    return table


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return (values[0],) * 3 if values else (0.0, 0.0, 0.0)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high
