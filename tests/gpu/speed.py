"""Speed of a Llama-3-8B shape in bfloat16 with random weights, on answers whose every token is recorded.

Run as ``python -m tests.gpu.speed``; prints one JSON document. ``--tiny`` does the same with a toy on a CPU, to see
that all of it runs. What is timed is what runs in production, but for the choice: each step waits for the device's
choices as ever, then takes the recorded tokens instead. Needs about 30 GiB of GPU memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from app.bench.workload.traces import BUNDLED_TOKENIZER, TRACES, Trace, load_tokenizer, read_traces
from decoding.cuda.graphs import CudaGraphs
from decoding.drafting.cost_model import SIZES
from decoding.engine import Engine
from decoding.interfaces import Reference, Request
from decoding.scheduling.session import Session
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.tree import TokenTree
from decoding.verification.logits import TreeLogits
from tests.support.fakes import chain

SESSIONS = 16
RECORDS = 2
PREFIX_BYTES = 12 * 2**30
GOALS = {
    "step_32_over_step_1": (1.15, "most"),
    "step_32_over_reading_the_weights": (1.3, "most"),
    "over_hf_greedy_eager": (10.0, "least"),
    "over_hf_static_compiled": (3.0, "least"),
    "16_sessions_over_one": (6.0, "least"),
}


@dataclass(frozen=True)
class Recorded:
    """A target's logits whose choices are computed and waited for, then replaced by recorded tokens."""

    inner: TreeLogits
    following: tuple[int, ...]

    @property
    def tokens(self) -> Sequence[int]:
        return self.inner.tokens

    def greedy(self, node: int) -> int:
        self.inner.greedy(node)
        return self.following[node]

    def top(self, k: int) -> Any:
        return self.inner.top(k)


@dataclass(frozen=True, slots=True, eq=False)
class ForcedTarget(Target):
    """A target that chooses recorded tokens. A token modulo ``SESSIONS`` says which of ``texts`` it belongs to."""

    texts: list[tuple[int, ...]] = field(default_factory=list)

    def verify_rows(self, trees: Any, cache: Any, *, first: int = 0, unread: Any = None) -> Any:
        before = unread if unread is not None else [()] * len(trees)
        roots = [cache.lengths[first + row] + len(ids) for row, ids in enumerate(before)]
        found = Target.verify_rows(self, trees, cache, first=first, unread=unread)
        if not self.texts:
            return found
        return [self._forced(*one) for one in zip(found, trees, roots, strict=True)]

    def _forced(self, logits: TreeLogits, tree: TokenTree, root: int) -> Any:
        text = self.texts[tree.tokens[0] % SESSIONS]
        after = [root + depth + 1 for depth in tree.depths]
        return Recorded(logits, tuple(text[at] if at < len(text) else 0 for at in after))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a toy model on the CPU")
    parser.add_argument("--without-compile", action="store_true", help="leave out torch.compile, which takes minutes")
    parser.add_argument("--traces", type=Path, default=TRACES[0], help="recorded answers (default: the bundled ones)")
    parser.add_argument("--tokenizer", type=Path, default=BUNDLED_TOKENIZER, help="a tokenizer.json")
    args = parser.parse_args(arguments)
    model = random_model(tiny=args.tiny)
    proven = target_of(model, name="llama-3-8b shape")
    target = ForcedTarget(**{known.name: getattr(proven, known.name) for known in fields(proven)})
    warm, timed = jobs_of(read_traces(args.traces, load_tokenizer(args.tokenizer)), few=args.tiny)
    rounds = 3 if args.tiny else 40
    steps = {nodes: step_s(target, nodes, context=64 if args.tiny else 1024, rounds=rounds) for nodes in SIZES}
    reading_s = weights_bytes(model) / bandwidth(target.device, small=args.tiny)
    engine = Engine(target, max_rows=SESSIONS, prefix_bytes=PREFIX_BYTES, graphs=True)
    one = decoded_per_s(engine, target, warm, timed, at_once=1)
    many = decoded_per_s(engine, target, warm, timed, at_once=SESSIONS)
    prompt = sorted((job.request.prompt for job in timed), key=len)[len(timed) // 2]
    eager = hf_per_s(model, prompt, new=8 if args.tiny else 64)
    compiled = None
    if not args.without_compile:
        compiled = hf_per_s(model, prompt, new=8 if args.tiny else 128, cache_implementation="static")
    figures = {
        "step_32_over_step_1": steps[32] / steps[1],
        "step_32_over_reading_the_weights": steps[32] / reading_s,
        "over_hf_greedy_eager": one["tokens_per_s"] / eager,
        "over_hf_static_compiled": one["tokens_per_s"] / compiled if compiled else None,
        "16_sessions_over_one": many["tokens_per_s"] / one["tokens_per_s"],
    }
    report = {
        "command": "python -m tests.gpu.speed" + (" --tiny" if args.tiny else ""),
        "device": torch.cuda.get_device_name() if target.device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "graphs": engine.graphs_note,
        "tokens_of_a_prompt": statistics.mean(len(job.request.prompt) for job in timed),
        "weights_bytes": weights_bytes(model),
        "reading_the_weights_ms": 1e3 * reading_s,
        "step_ms": {nodes: 1e3 * seconds for nodes, seconds in steps.items()},
        "one_session": one,
        "sessions_16": many,
        "hf_greedy_eager_tokens_per_s": eager,
        "hf_static_compiled_tokens_per_s": compiled,
        "figures": {name: judged(name, value) for name, value in figures.items()},
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


def random_model(*, tiny: bool) -> Any:
    """The shape with random weights."""
    config = LlamaConfig(
        vocab_size=128_256, hidden_size=4096, intermediate_size=14_336, num_hidden_layers=32, num_attention_heads=32,
        num_key_value_heads=8, max_position_embeddings=8192, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    if tiny:
        config = LlamaConfig(
            vocab_size=32_768, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=None, eos_token_id=None,
        )  # fmt: skip
    before = torch.get_default_dtype()
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32 if tiny else torch.bfloat16)
    try:
        with torch.device("cpu" if tiny else "cuda"):
            return LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True, slots=True)
class Job:
    """A request and the whole text that it is made to write, its prompt included."""

    request: Request
    text: tuple[int, ...]


def jobs_of(traces: Sequence[Trace], *, few: bool) -> list[list[Job]]:
    """Jobs to warm up with and jobs to time, of different records.

    Recorded answers are short, so a job is several: their prompts one after the other, then their answers.
    """
    sessions, each = (2, 1) if few else (SESSIONS, RECORDS)
    half = len(traces) // 2
    return [
        [job_of([part[(number + other) % half] for other in range(each)], number) for number in range(sessions)]
        for part in (traces[half:], traces[:half])
    ]


def job_of(traces: Sequence[Trace], session: int) -> Job:
    """Traces in ids of their own, numbered as they come up: copies stay copies, and each id tells its session."""
    known: dict[int, int] = {}

    def own(ids: Iterable[int]) -> tuple[int, ...]:
        return tuple(known.setdefault(token, len(known)) * SESSIONS + session for token in ids)

    prompt: list[int] = []
    references = []
    for trace in traces:
        for one in trace.request.references:
            start = None if one.prompt_start is None else one.prompt_start + len(prompt)
            references.append(Reference(own(one.ids), start, one.cursor, own(one.lead)))
        prompt += own(trace.request.prompt)
    output = own(token for trace in traces for token in trace.output)
    request = Request(tuple(prompt), len(output), references=tuple(references), task="answer")
    return Job(request, (*prompt, *output))


def step_s(target: Target, nodes: int, *, context: int, rounds: int) -> float:
    """Seconds of a step of so many nodes behind a context, its choices brought back: the median."""
    pool = CudaGraphs(target, enabled=True).pool(1)
    assert pool is not None
    pool.add_empty_row()
    target.prefill([token * SESSIONS for token in range(context)], pool)
    tree = TokenTree.of(SESSIONS)
    if nodes > 1:
        tree.graft("step", chain([token * SESSIONS for token in range(2, nodes + 1)], 0.5), max_depth=nodes)

    def step() -> float:
        started = time.perf_counter()
        target.verify(tree, pool).greedy(0)
        return time.perf_counter() - started

    return statistics.median([step() for _ in range(rounds + 3)][3:])


def weights_bytes(model: Any) -> int:
    """Bytes that every forward reads: all weights but the table that ids are looked up in."""
    looked_up = model.get_input_embeddings().weight
    return sum(one.numel() * one.element_size() for one in model.parameters() if one is not looked_up)


def bandwidth(device: torch.device, *, small: bool) -> float:
    """Bytes a second of a large copy, read and written."""
    source = torch.empty(2**20 if small else 2**31, dtype=torch.uint8, device=device)
    into = torch.empty_like(source)

    def copy() -> float:
        wait_for_device(device)
        started = time.perf_counter()
        into.copy_(source)
        wait_for_device(device)
        return time.perf_counter() - started

    return 2 * source.numel() / statistics.median([copy() for _ in range(13)][3:])


def wait_for_device(device: torch.device) -> None:
    """Wait for what was launched."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def decoded_per_s(
    engine: Engine, target: ForcedTarget, warm: Sequence[Job], timed: Sequence[Job], *, at_once: int
) -> dict[str, float]:
    """Tokens a second of decoding, with so many sessions at once; every token as recorded.

    Prompts are read before, so that no session waits for another's; they do not count.
    """
    run(engine, target, warm, at_once)
    run(engine, target, [replace(job, request=replace(job.request, max_new_tokens=1)) for job in timed], 1)
    before = engine.throughput
    sessions = run(engine, target, timed, at_once)
    done = engine.throughput.since(before)
    for session, job in zip(sessions, timed, strict=True):
        assert (*job.request.prompt, *session.tokens) == job.text, "a session did not write its record"
    return {
        "tokens_per_s": done.tokens_per_s,
        "tokens": done.tokens,
        "mean_acceptance_length": done.tokens / done.rows,
        "rows_a_step": done.rows / done.steps,
        "step_ms": 1e3 * done.decode_s / done.steps,
        "drafting_ms_a_row": 1e3 * sum(session.stats.draft_s for session in sessions) / done.rows,
    }


def run(engine: Engine, target: ForcedTarget, jobs: Sequence[Job], at_once: int) -> list[Session]:
    """The sessions, finished: one after the other, or all together."""
    target.texts[:] = [job.text for job in jobs]

    def read(_done: int, _total: int) -> None:
        wait_for_device(target.device)  # Else the next step would wait for the prompt, and count it as its own.

    sessions = [engine.session(replace(job.request, progress=read)) for job in jobs]
    groups = [sessions[at : at + at_once] for at in range(0, len(sessions), at_once)]
    for group in groups:
        streams = [engine.iterate(session) for session in group]
        while streams:
            streams = [stream for stream in streams if next(stream, None) is not None]
    return sessions


def hf_per_s(model: Any, prompt: Sequence[int], *, new: int, **options: Any) -> float:
    """Hugging Face's greedy tokens a second behind the first one, as ``generate`` comes. The text matters not."""
    ids = torch.tensor([list(prompt)], device=model.device)

    def generate(count: int) -> float:
        wait_for_device(model.device)
        started = time.perf_counter()
        model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=count, min_new_tokens=count, do_sample=False,
            pad_token_id=0, **options,
        )  # fmt: skip
        wait_for_device(model.device)
        return time.perf_counter() - started

    return (new - 1) / max(1e-9, best(lambda: generate(new)) - best(lambda: generate(1)))


def best(measure: Callable[[], float]) -> float:
    """The least of three, after two that compile and warm up."""
    return min([measure() for _ in range(5)][2:])


def judged(name: str, value: float | None) -> dict[str, object]:
    """A figure beside its goal."""
    goal, sense = GOALS[name]
    met = None if value is None else (value <= goal if sense == "most" else value >= goal)
    return {"value": value, f"at_{sense}": goal, "met": met}


if __name__ == "__main__":
    main()
