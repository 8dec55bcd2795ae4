"""``spandraft bench speed``: the same prompts on the same target, with and without drafts, and by Hugging Face.

The methods take turns prompt by prompt in one run, so that a noisy machine is noisy for all of them. Decode time
is what comes after the first token; speed-ups are ratios of it for a token. Hugging Face has its first token when
the prompt is read, ours needs a step for it, which is timed by itself (with ``--shape`` it counts as decoding).

llama.cpp and dejavuu get the same prompt with the same limit and end tokens and write what they like: they know no
quotation and no copy bias. ``answer_s`` is from the question to the last token that a method wrote itself, ``tokens``
says how many these were, and ``same_length_s`` is the time had it stopped where plain decoding did. A method that
cannot run has a row that says why.

``--shape`` times a target of a well-known shape with random weights, without a download: time depends on a model's
shape and not on what it has learned, so with forced decoding its weights may be anything.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.bench.methods import drafter_flags
from app.bench.report import Report, progress
from app.bench.speed.contenders import METHODS, Contender, Field, Surroundings, contenders
from app.bench.speed.peers import Interpreters, PeerFailed, PeerModel, gguf_of
from app.bench.speed.ran import Ran
from app.bench.workload import jobs
from app.bench.workload.jobs import Job
from app.bench.workload.traces import BUNDLED_TOKENIZER, TRACES, load_tokenizer, read_traces
from app.config.settings import AUTO, Settings
from app.errors import InputError, no_file, unknown
from app.loading.models import target_path
from app.loading.sources import asked_for, flag
from app.model_store.choice import settle, target_name
from app.pipeline import Pipeline
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.target.loading import INT8, target_of
from decoding.target.quantized import quantize, require_int8
from decoding.target.target import Target

TASKS = ("answer", "grammar", "chat", "nothing")
DEFAULT_METHODS = "hf-greedy,hf-prompt-lookup,plain,spandraft"
SHAPE_METHODS = "plain,spandraft"


@dataclass(slots=True)
class Timings:
    """The timings of one method, an entry a job: seconds, decoded tokens, the output, whether an end token ended it."""

    decode_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    answer_s: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)

    def of(self, chosen: Sequence[int]) -> Timings:
        """The entries with these numbers."""
        return Timings(
            **{entry.name: [getattr(self, entry.name)[number] for number in chosen] for entry in fields(self)}
        )

    @property
    def decode_s_per_token(self) -> float | None:
        """Seconds for a token behind the first, over all jobs; None if there was none."""
        return sum(self.decode_s) / sum(self.tokens) if sum(self.tokens) else None


@dataclass(frozen=True, slots=True)
class Setup:
    """The engine, the jobs that are timed, and the folder of its model. ``is_long``: prompts take long to read."""

    engine: Engine
    jobs: Sequence[Job]
    folder: Path | None = None
    is_long: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    about = "what to generate; chat: freely, without documents; nothing: forced random tokens, which nobody can draft"
    parser.add_argument("--task", choices=TASKS, default="answer", help=about)
    parser.add_argument("--n", type=int, help="prompts, 32 are bundled (default 32; with --shape 4)")
    parser.add_argument("--repeats", type=int, default=1, help="runs over all prompts (default 1)")
    parser.add_argument("--methods", help=f"some of {', '.join(METHODS)} (default {DEFAULT_METHODS})")
    parser.add_argument(
        "--shape", metavar="NAME", help="random weights of a shape (qwen3-0.6b), recorded outputs forced"
    )
    parser.add_argument("--file", type=Path, help="force recorded outputs (default with --shape: the bundled ones)")
    parser.add_argument("--tokenizer", type=Path, default=BUNDLED_TOKENIZER, help="tokenizer of --file, with --shape")
    parser.add_argument(
        "--only-ended", action="store_true", help="figures of the prompts whose plain output ended with an end token"
    )
    parser.add_argument("--gguf", type=Path, help="the target's GGUF file, for llama.cpp (default: where it came from)")
    parser.add_argument(
        "--llama-python",
        metavar="PATH",
        default=sys.executable,
        help="Python with llama-cpp-python (default: this one)",
    )
    parser.add_argument(
        "--dejavuu-python", metavar="PATH", default=sys.executable, help="Python with dejavuu (default: this one)"
    )


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Time the methods, plain decoding always among them.

    Raises InputError, UnknownNameError, and what loading raises.
    """
    n = args.n if args.n is not None else 4 if args.shape else 32
    if n < 1 or args.repeats < 1:
        raise InputError("--n and --repeats must be at least 1", hint="for example --n 8 --repeats 3")
    names = _names(args.methods or (SHAPE_METHODS if args.shape else DEFAULT_METHODS))
    setup = _on_shape(args, settings, n) if args.shape else _on_target(args, settings, n)
    with contenders(names, setup.engine, _surroundings(args, settings, setup)) as taking_part:
        for name, reason in taking_part.absent.items():
            progress(f"{name} is left out: {reason}")
        timings = measure(taking_part, setup, args.repeats)
    table = rows(setup.jobs, timings, precisions=taking_part.precisions, only_ended=args.only_ended)
    found: dict[str, dict[str, object]] = {str(row["method"]): row for row in table}
    found.update({name: {"method": name, "not_run": reason} for name, reason in taking_part.absent.items()})
    return Report.of(_command(args, settings, n), [found[name] for name in names])


def _surroundings(args: argparse.Namespace, settings: Settings, setup: Setup) -> Surroundings:
    """Where the peers find the model. Raises InputError for a file that is not there."""
    import torch

    if args.gguf is not None and not args.gguf.is_file():
        raise InputError(f"the model {no_file(args.gguf)}", hint="give the path of the target's GGUF file")
    requests = [request for job in setup.jobs for request in job.requests]
    config = setup.engine.target.model.config
    model = PeerModel(
        folder=setup.folder,
        gguf=args.gguf or gguf_of(settings.target),
        vocabulary=setup.engine.target.vocab_size,
        room=max((len(request.prompt) + request.max_new_tokens for request in requests), default=1),
        threads=torch.get_num_threads(),
        layers=getattr(config, "num_hidden_layers", None),
        width=getattr(config, "hidden_size", None),
    )
    forced = args.task == "nothing" or args.file is not None or args.shape is not None
    return Surroundings(model, Interpreters(args.llama_python, args.dejavuu_python), forced)


def _names(methods: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in methods.split(",")))
    names = ["plain" if name == "autoregressive" else name for name in names]
    if missing := [name for name in names if name not in METHODS]:
        raise unknown("method", missing[0], METHODS)
    return names if "plain" in names else ["plain", *names]


def _on_target(args: argparse.Namespace, settings: Settings, n: int) -> Setup:
    """The target of the settings, with the app's requests, or forced to records or to noise."""
    settings = settle(settings)
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
    folder = Path(target_path(settings))
    return Setup(engine, chosen, folder if folder.is_dir() else None)


def _on_shape(args: argparse.Namespace, settings: Settings, n: int) -> Setup:
    """Random weights, forced to records or to noise."""
    if given := asked_for(settings):
        raise InputError("random weights agree with no draft model", hint=f"leave {flag(given[0])} out, or --shape")
    target = random_target(args.shape, settings)
    engine = Engine(target, max_nodes=settings.budget)
    if args.task == "nothing":
        return Setup(engine, jobs.noise_jobs(n, vocab_size=target.vocab_size), is_long=True)
    if args.task == "chat" and args.file is None:
        raise InputError("there are no recorded conversations", hint="take another --task, or --file")
    file = args.file or TRACES[TASKS.index(args.task)]
    tokenizer = load_tokenizer(args.tokenizer)
    traces = read_traces(file, tokenizer)[:n]
    size = tokenizer.get_vocab_size() + 1  # The end token is one that the tokenizer does not have.
    spread = jobs.in_vocabulary(traces, tokens=size, vocab_size=target.vocab_size)
    return Setup(engine, jobs.recorded_jobs(spread), is_long=True)


def measure(field: Field, setup: Setup, repeats: int) -> dict[str, Timings]:
    """Run every job with every method in turn. A peer that ends meanwhile takes no further part."""
    timings = {name: Timings() for name in field.taking_part}

    def run(name: str, job: Job, timing: Timings) -> None:
        try:
            _time(field.taking_part[name], job, timing, is_long=setup.is_long)
        except PeerFailed as error:
            field.drop(name, str(error))
            del timings[name]

    for name in list(field.taking_part):
        run(name, _shortest(setup.jobs).in_run(0), Timings())  # First calls allocate and compile.
        progress(f"warmed up {name}")
    for number in range(1, repeats + 1):
        for job in (job.in_run(number) for job in setup.jobs):
            for name in list(field.taking_part):
                run(name, job, timings[name])
    return timings


def _shortest(candidates: Sequence[Job]) -> Job:
    return min(candidates, key=lambda job: sum(len(request.prompt) for request in job.requests))


def _time(contender: Contender, job: Job, timings: Timings, *, is_long: bool) -> None:
    first_s, decode_s, spent_s, tokens = [], 0.0, 0.0, 0
    output: tuple[int, ...] = ()
    ended = True
    for request in job.requests:
        ran = contender(request)
        first_s.append(_first_s(contender, request, ran, is_long=is_long))
        decode_s += ran.spent_s - first_s[-1]
        spent_s += ran.spent_s
        tokens += len(ran.tokens) - 1
        output += ran.tokens
        ended = ended and ran.tokens[-1] in request.eos_ids
    timings.first_s.append(job.prepare_s + first_s[0])
    timings.decode_s.append(decode_s)
    timings.answer_s.append(job.prepare_s + spent_s)
    timings.tokens.append(tokens)
    timings.outputs.append(output)
    timings.ended.append(ended)


def _first_s(contender: Contender, request: Request, ran: Ran, *, is_long: bool) -> float:
    """Seconds to the first token of ``ran``: from itself as far as it knows them, else from a run of one token."""
    if ran.prefill_s is not None and (ran.reads_first or is_long):
        return ran.prefill_s
    first = contender(replace(request, max_new_tokens=1))
    if ran.prefill_s is None or first.prefill_s is None:
        return first.spent_s
    return ran.prefill_s + first.spent_s - first.prefill_s


def rows(
    measured: Sequence[Job],
    timings: Mapping[str, Timings],
    *,
    precisions: Mapping[str, str] | None = None,
    only_ended: bool = False,
) -> list[dict[str, object]]:
    """Figures of each method beside Hugging Face's faster greedy decoding, if that ran, and beside ours without drafts.

    ``precisions``: outputs of another one than plain decoding's are not compared with its own. ``only_ended``: of the
    prompts whose plain output ended with an end token. Raises InputError if there is none.
    """
    runs = [number for number, ended in enumerate(timings["plain"].ended) if ended or not only_ended]
    if not runs:
        raise InputError("no output ended with an end token", hint="leave --only-ended out")
    timings = {name: timing.of(runs) for name, timing in timings.items()}
    prompt_tokens = [
        sum(len(request.prompt) for request in measured[number % len(measured)].requests) for number in runs
    ]
    plain = timings["plain"]
    greedy = [timing for name, timing in timings.items() if name.startswith("hf-greedy")]
    own = (precisions or {}).get("plain")
    table: list[dict[str, object]] = []
    for name, timing in timings.items():
        # An output of one token has no decode time, and noise may leave less than none.
        rates = [
            tokens / spent for tokens, spent in zip(timing.tokens, timing.decode_s, strict=True) if tokens and spent > 0
        ]
        low, middle, high = _quartiles(rates)
        precision = (precisions or {}).get(name)
        table.append(
            {
                "method": name,
                "precision": precision,
                "tokens_per_s": middle,
                "tokens_per_s_quartiles": [low, high],
                "ttft_s": statistics.median(timing.first_s),
                "answer_s": statistics.median(timing.answer_s),
                "same_length_s": statistics.median(_same_length_s(timing, plain)),
                "tokens": statistics.median(map(len, timing.outputs)),
                "prompt_tokens": statistics.median(prompt_tokens),
                "speedup_vs_hf_greedy": _speedup(greedy, timing),
                "speedup_vs_plain": _speedup([plain], timing),
                "equal": timing.outputs == plain.outputs if precision == own else None,
                "ended": sum(timing.ended),
                "prompts": len(prompt_tokens),
            }
        )
    return table


def _same_length_s(timing: Timings, plain: Timings) -> list[float]:
    """Seconds from each question to as many tokens as plain decoding wrote, or to the last if these are fewer.

    The tokens behind the first are taken to come evenly.
    """
    seconds = []
    for number, spent_s in enumerate(timing.answer_s):
        share = plain.tokens[number] / timing.tokens[number] if timing.tokens[number] else 1.0
        seconds.append(spent_s - (1 - min(1.0, share)) * timing.decode_s[number])
    return seconds


def _speedup(slow: Sequence[Timings], fast: Timings) -> float | None:
    """How many times sooner a token is there than by the fastest of the slow ones; None if nothing was decoded."""
    beside = [per_token for timing in slow if (per_token := timing.decode_s_per_token) is not None]
    own = fast.decode_s_per_token
    return min(beside) / own if beside and own else None


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return (values[0],) * 3 if values else (0.0, 0.0, 0.0)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _command(args: argparse.Namespace, settings: Settings, n: int) -> str:
    """The command that repeats this run."""
    words = [f"spandraft bench speed --task {args.task} --n {n} --repeats {args.repeats}"]
    for key in ("methods", "shape", "file", "gguf"):
        if (value := getattr(args, key)) is not None:
            words.append(f"--{key} {value}")
    for key in ("llama_python", "dejavuu_python"):
        if (value := getattr(args, key)) != sys.executable:
            words.append(f"--{key.replace('_', '-')} {value}")
    if args.only_ended:
        words.append("--only-ended")
    if settings.target == AUTO and not args.shape:
        words.append(f"--target {target_name(settings)}")
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

    Raises UnknownNameError, UnsupportedModel.
    """
    if name not in SHAPES:
        raise unknown("shape", name, SHAPES)
    import torch
    from transformers import AutoModelForCausalLM

    from decoding.target.placement import device_for

    place = device_for(settings.device or "auto")
    models: Any = AutoModelForCausalLM  # Its functions have no types.
    is_int8 = settings.dtype == INT8
    if is_int8:
        require_int8(place)
    dtype = getattr(torch, "float32" if is_int8 else settings.dtype or "float32")
    assert isinstance(dtype, torch.dtype)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    with torch.random.fork_rng(), torch.device(place):
        torch.manual_seed(0)
        model = models.from_config(SHAPES[name](), dtype=dtype)
    if is_int8:
        quantize(model)
    return target_of(model, name=name)
