"""``spandraft bench speed``: the same prompts on the same target, with and without drafts, and by Hugging Face.

The methods take turns prompt by prompt in one run, so that a noisy machine is noisy for all of them. Decode time
is what comes after the first token; speed-ups are ratios of summed decode time. Hugging Face has its first token when
the prompt is read, ours needs a step for it, which is timed by itself (with ``--shape`` it counts as decoding).

``--shape`` times a target of a well-known shape with random weights, without a download: time depends on a model's
shape and not on what it has learned, so with forced decoding its weights may be anything.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.bench.methods import drafter_flags
from app.bench.report import Report, progress
from app.bench.speed.contenders import METHODS, Contender, Ran, contenders, missing
from app.bench.workload import jobs
from app.bench.workload.jobs import Job
from app.bench.workload.traces import BUNDLED_TOKENIZER, TRACES, load_tokenizer, read_traces
from app.config.settings import Settings
from app.errors import InputError, unknown
from app.loading.sources import asked_for, flag
from app.pipeline import Pipeline
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.target.loading import target_of
from decoding.target.target import Target

TASKS = ("answer", "grammar", "nothing")
DEFAULT_METHODS = "hf-greedy,hf-prompt-lookup,plain,spandraft"
SHAPE_METHODS = "plain,spandraft"


@dataclass(slots=True)
class Timings:
    """The timings of one method, an entry a job: seconds, decoded tokens, and the output."""

    decode_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Setup:
    """The engine and the jobs that are timed. ``is_long``: prompts take long to read."""

    engine: Engine
    jobs: Sequence[Job]
    is_long: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    about = "what to generate; nothing: forced random tokens, which nobody can draft"
    parser.add_argument("--task", choices=TASKS, default="answer", help=about)
    parser.add_argument("--n", type=int, help="prompts, 32 are bundled (default 32; with --shape 4)")
    parser.add_argument("--repeats", type=int, default=1, help="runs over all prompts (default 1)")
    parser.add_argument("--methods", help=f"some of {', '.join(METHODS)} (default {DEFAULT_METHODS})")
    parser.add_argument(
        "--shape", metavar="NAME", help="random weights of a shape (qwen3-0.6b), recorded outputs forced"
    )
    parser.add_argument("--file", type=Path, help="force recorded outputs (default with --shape: the bundled ones)")
    parser.add_argument("--tokenizer", type=Path, default=BUNDLED_TOKENIZER, help="tokenizer of --file, with --shape")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Time the methods, plain decoding always among them.

    Raises InputError, UnknownNameError, and what loading raises.
    """
    n = args.n if args.n is not None else 4 if args.shape else 32
    if n < 1 or args.repeats < 1:
        raise InputError("--n and --repeats must be at least 1", hint="for example --n 8 --repeats 3")
    names = _names(args.methods or (SHAPE_METHODS if args.shape else DEFAULT_METHODS))
    setup = _on_shape(args, settings, n) if args.shape else _on_target(args, settings, n)
    chosen = contenders(names, setup.engine)
    for name in names:
        if name not in chosen:
            progress(f"{name} is left out: it needs {missing(name, setup.engine)}")
    return Report.of(_command(args, settings, n), rows(setup.jobs, measure(chosen, setup, args.repeats)))


def _names(methods: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in methods.split(",")))
    names = ["plain" if name == "autoregressive" else name for name in names]
    if missing := [name for name in names if name not in METHODS]:
        raise unknown("method", missing[0], METHODS)
    return names if "plain" in names else ["plain", *names]


def _on_target(args: argparse.Namespace, settings: Settings, n: int) -> Setup:
    """The target of the settings, with the app's requests, or forced to records or to noise."""
    corpus = "sample" if args.task == "answer" and args.file is None else None
    pipeline = Pipeline.from_pretrained(corpus=corpus, settings=settings)
    engine = pipeline.engine
    if args.task == "nothing":
        chosen = jobs.noise_jobs(n, vocab_size=engine.target.vocab_size)
    elif args.file is not None:
        end = min(pipeline.builder.eos_ids, default=0)
        traces = read_traces(args.file, pipeline.builder.tokens.hf.backend_tokenizer, end=end)
        room = engine.target.context_length
        fitting = [trace for trace in traces if len(trace.request.prompt) + len(trace.output) <= room]
        if not fitting:
            raise InputError(f"no record of {args.file} fits the model", hint="take a larger --target")
        chosen = jobs.recorded_jobs(fitting[:n])
    else:
        chosen = jobs.prompt_jobs(pipeline, args.task, n)
    return Setup(engine, chosen)


def _on_shape(args: argparse.Namespace, settings: Settings, n: int) -> Setup:
    """Random weights, forced to records or to noise."""
    if given := asked_for(settings):
        raise InputError("random weights agree with no draft model", hint=f"leave {flag(given[0])} out, or --shape")
    target = random_target(args.shape, settings)
    engine = Engine(target, max_nodes=settings.budget)
    if args.task == "nothing":
        return Setup(engine, jobs.noise_jobs(n, vocab_size=target.vocab_size), is_long=True)
    file = args.file or TRACES[TASKS.index(args.task)]
    tokenizer = load_tokenizer(args.tokenizer)
    traces = read_traces(file, tokenizer)[:n]
    size = tokenizer.get_vocab_size() + 1  # The end token is one that the tokenizer does not have.
    spread = jobs.in_vocabulary(traces, tokens=size, vocab_size=target.vocab_size)
    return Setup(engine, jobs.recorded_jobs(spread), is_long=True)


def measure(chosen: Mapping[str, Contender], setup: Setup, repeats: int) -> dict[str, Timings]:
    """Run every job with every method in turn."""
    timings = {name: Timings() for name in chosen}
    for name, contender in chosen.items():
        # First calls allocate and compile.
        _time(contender, _shortest(setup.jobs).in_run(0), Timings(), is_long=setup.is_long)
        progress(f"warmed up {name}")
    for number in range(1, repeats + 1):
        for job in (job.in_run(number) for job in setup.jobs):
            for name, contender in chosen.items():
                _time(contender, job, timings[name], is_long=setup.is_long)
    return timings


def _shortest(candidates: Sequence[Job]) -> Job:
    return min(candidates, key=lambda job: sum(len(request.prompt) for request in job.requests))


def _time(contender: Contender, job: Job, timings: Timings, *, is_long: bool) -> None:
    first_s, decode_s, tokens = [], 0.0, 0
    output: tuple[int, ...] = ()
    for request in job.requests:
        ran = contender(request)
        first_s.append(_first_s(contender, request, ran, is_long=is_long))
        decode_s += ran.spent_s - first_s[-1]
        tokens += len(ran.tokens) - 1
        output += ran.tokens
    timings.first_s.append(job.prepare_s + first_s[0])
    timings.decode_s.append(decode_s)
    timings.tokens.append(tokens)
    timings.outputs.append(output)


def _first_s(contender: Contender, request: Request, ran: Ran, *, is_long: bool) -> float:
    """Seconds to the first token of ``ran``: from itself as far as it knows them, else from a run of one token."""
    if ran.prefill_s is not None and (ran.reads_first or is_long):
        return ran.prefill_s
    first = contender(replace(request, max_new_tokens=1))
    if ran.prefill_s is None or first.prefill_s is None:
        return first.spent_s
    return ran.prefill_s + first.spent_s - first.prefill_s


def rows(measured: Sequence[Job], timings: Mapping[str, Timings]) -> list[dict[str, object]]:
    """Figures of each method beside Hugging Face's greedy decoding, if that ran, and beside ours without drafts."""
    table = []
    for name, timing in timings.items():
        # An output of one token has no decode time, and noise may leave less than none.
        rates = [
            tokens / spent for tokens, spent in zip(timing.tokens, timing.decode_s, strict=True) if tokens and spent > 0
        ]
        low, middle, high = _quartiles(rates)
        table.append(
            {
                "method": name,
                "tokens_per_s": middle,
                "tokens_per_s_quartiles": [low, high],
                "ttft_s": statistics.median(timing.first_s),
                "speedup_vs_hf_greedy": _speedup(timings.get("hf-greedy"), timing),
                "speedup_vs_plain": _speedup(timings["plain"], timing),
                "equal": timing.outputs == timings["plain"].outputs,
                "prompts": len(measured),
            }
        )
    return table


def _speedup(slow: Timings | None, fast: Timings) -> float | None:
    return sum(slow.decode_s) / sum(fast.decode_s) if slow is not None else None


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return (values[0],) * 3 if values else (0.0, 0.0, 0.0)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _command(args: argparse.Namespace, settings: Settings, n: int) -> str:
    """The command that repeats this run."""
    words = [f"spandraft bench speed --task {args.task} --n {n} --repeats {args.repeats}"]
    for key in ("methods", "shape", "file"):
        if (value := getattr(args, key)) is not None:
            words.append(f"--{key} {value}")
    for key in ("target", "dtype"):
        if settings.origin(key) != "default":
            words.append(f"{flag(key)} {getattr(settings, key)}")
    return " ".join([*words, *drafter_flags(settings)])


def _qwen3_600m() -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(
        hidden_size=1024,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        intermediate_size=3072,
        vocab_size=151_936,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )


SHAPES: Mapping[str, Callable[[], Any]] = MappingProxyType({"qwen3-0.6b": _qwen3_600m})


def random_target(name: str, settings: Settings) -> Target:
    """A target of a shape with random weights, in the settings' number format and on their device.

    Raises UnknownNameError.
    """
    if name not in SHAPES:
        raise unknown("shape", name, SHAPES)
    import torch
    from transformers import AutoModelForCausalLM

    from decoding.target.placement import device_for

    models: Any = AutoModelForCausalLM  # Its functions have no types.
    dtype = getattr(torch, settings.dtype or "float32")
    assert isinstance(dtype, torch.dtype)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(), torch.device(device_for(settings.device or "auto")):
        torch.manual_seed(0)
        model = models.from_config(SHAPES[name](), dtype=dtype)
    return target_of(model, name=name)
