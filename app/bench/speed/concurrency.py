"""``spandraft bench concurrency``: many requests at once on one target, beside the same requests one after the other.

Tokens a second are counted over the decoding steps, and over everything, prefill included. Rows take turns in one run;
each is the median of its repeats.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from app.bench.report import Report
from app.bench.workload.jobs import prompt_jobs
from app.config.settings import Settings
from app.errors import InputError
from app.pipeline import Pipeline
from decoding.engine import Engine
from decoding.interfaces import Request


@dataclass(frozen=True, slots=True)
class Ran:
    """One run over all requests: outputs by request, seconds in all, and the scheduler's counts."""

    outputs: tuple[tuple[int, ...], ...]
    spent_s: float
    decode_tokens_per_s: float
    rows_per_step: float

    @property
    def tokens(self) -> int:
        return sum(map(len, self.outputs))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--task", choices=("answer", "grammar"), default="answer", help="what to generate")
    parser.add_argument("--sessions", type=int, default=8, help="requests at once (default 8)")
    parser.add_argument("--n", type=int, default=32, help="prompts, of the 32 that are bundled (default 32)")
    parser.add_argument("--repeats", type=int, default=3, help="runs over all prompts (default 3)")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Time one and many sessions, without and with drafts."""
    if min(args.sessions, args.n, args.repeats) < 1:
        raise InputError("--sessions, --n and --repeats must be at least 1", hint="for example --sessions 8 --n 16")
    settings = settings.replace(max_sessions=max(args.sessions, settings.max_sessions))
    pipeline = Pipeline.from_pretrained(corpus="sample" if args.task == "answer" else None, settings=settings)
    requests = [request for job in prompt_jobs(pipeline, args.task, args.n) for request in job.requests]
    command = f"spandraft bench concurrency --task {args.task} --sessions {args.sessions} --n {args.n}"
    at_once = min(args.sessions, len(requests))
    return Report.of(f"{command} --repeats {args.repeats}", rows(pipeline.engine, requests, at_once, args.repeats))


def rows(engine: Engine, requests: Sequence[Request], sessions: int, repeats: int) -> list[dict[str, object]]:
    """Figures of one session and of many, plain and drafting; ``equal`` is beside one plain session."""
    ways = {
        (name, count): (speculate, count)
        for name, speculate in (("plain", False), ("spandraft", True))
        for count in (1, sessions)
    }
    for speculate, count in ways.values():
        run_at_once(engine, requests[: 2 * count], count, speculate=speculate)  # First calls allocate.
    runs: dict[tuple[str, int], list[Ran]] = {key: [] for key in ways}
    for _ in range(repeats):
        for key, (speculate, count) in ways.items():
            runs[key].append(run_at_once(engine, requests, count, speculate=speculate))
    table = []
    for (name, count), repeated in runs.items():
        alone = runs[name, 1]
        table.append(
            {
                "method": f"{name}, {count} at once",
                "tokens_per_s": statistics.median(repeat.tokens / repeat.spent_s for repeat in repeated),
                "decode_tokens_per_s": statistics.median(repeat.decode_tokens_per_s for repeat in repeated),
                "times_one": _ratio(alone, repeated),
                "decode_times_one": statistics.median(
                    many.decode_tokens_per_s / one.decode_tokens_per_s
                    for one, many in zip(alone, repeated, strict=True)
                ),
                "rows_per_step": statistics.median(repeat.rows_per_step for repeat in repeated),
                "equal": all(repeat.outputs == runs["plain", 1][0].outputs for repeat in repeated),
                "requests": len(requests),
            }
        )
    return table


def run_at_once(engine: Engine, requests: Sequence[Request], sessions: int, *, speculate: bool) -> Ran:
    """Run all requests, ``sessions`` at a time, each in a thread as a server has it."""
    engine.forget()
    outputs: dict[int, tuple[int, ...]] = {}
    todo = deque(enumerate(requests))

    def work() -> None:
        while todo:
            try:
                number, request = todo.popleft()
            except IndexError:  # Another thread took the last request.
                return
            outputs[number] = tuple(engine.generate(request, speculate=speculate).tokens)

    before = engine.throughput
    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent_s = time.perf_counter() - started
    done = engine.throughput.since(before)
    ordered = tuple(outputs[number] for number in range(len(requests)))
    return Ran(ordered, spent_s, done.tokens_per_s, done.rows / max(done.steps, 1))


def _ratio(alone: Sequence[Ran], at_once: Sequence[Ran]) -> float:
    return statistics.median(one.spent_s / many.spent_s for one, many in zip(alone, at_once, strict=True))
