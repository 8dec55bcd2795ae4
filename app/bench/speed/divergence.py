"""``spandraft bench divergence``: how often reduced precision makes drafted decoding write another token than plain.

A forward over many tokens rounds in another way than one over one token; where the two best logits nearly tie, the
choice may flip. The same happens to plain decoding in a batch of another size, which is the control. Of every first
difference the plain run's margin between its two best logits is reported, beside the largest difference of any logit
that both runs have computed for the same text.

Shapes: V vocabulary.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.bench.report import Report
from app.bench.workload import jobs
from app.config.settings import Settings
from app.errors import InputError
from app.pipeline import Pipeline
from decoding.cuda.graphs import CudaGraphs
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.target.target import Target

PRECISIONS = ("bfloat16", "float16", "float32", "float64")
CONTROL_ROWS = 8
_LIMIT = 32
_TASKS = ("answer", "grammar")


@dataclass(slots=True)
class LogitRecorder:
    """Runs as the last processor: changes nothing, and keeps the logits (V) that each output token was chosen from."""

    rows: dict[int, NDArray[np.floating]] = field(default_factory=dict)

    def start(self) -> int:
        """The first output position."""
        return 0

    def advance(self, state: object, token: int) -> int:
        """The next position."""
        assert isinstance(state, int)
        return state + 1

    def apply(self, state: object, logits_V: NDArray[np.floating]) -> None:
        """Keep a copy."""
        assert isinstance(state, int)
        self.rows[state] = logits_V.copy()


@dataclass(frozen=True, slots=True)
class Written:
    """One output with the logits behind each of its tokens."""

    tokens: tuple[int, ...]
    logits: LogitRecorder


@dataclass(slots=True)
class Divergences:
    """Counts of the differences from plain outputs. ``tokens`` were chosen after the same text in both runs."""

    outputs: int = 0
    tokens: int = 0
    margins: list[float] = field(default_factory=list)
    logit_difference: float = 0.0

    def compare(self, plain: Written, other: Written) -> None:
        """Two outputs of one request, up to their first difference."""
        shortest = min(len(plain.tokens), len(other.tokens))
        same = next((n for n in range(shortest) if plain.tokens[n] != other.tokens[n]), shortest)
        self.outputs += 1
        self.tokens += min(same + 1, shortest)
        for position in range(min(same + 1, shortest)):
            self.logit_difference = max(
                self.logit_difference, _difference(plain.logits.rows[position], other.logits.rows[position])
            )
        if same < shortest:
            second, best = np.partition(plain.logits.rows[same], -2)[-2:]
            self.margins.append(float(best - second))

    def row(self, method: str) -> dict[str, object]:
        """A row of the report. ``unexplained``: differences at margins beyond twice the logit difference."""
        return {
            "method": method,
            "outputs": self.outputs,
            "tokens": self.tokens,
            "diverged": len(self.margins),
            "per_1000_tokens": 1000 * len(self.margins) / max(1, self.tokens),
            "margin_median": statistics.median(self.margins) if self.margins else None,
            "margin_max": max(self.margins, default=None),
            "logit_difference_max": self.logit_difference,
            "unexplained": sum(margin > 2 * self.logit_difference for margin in self.margins),
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument("--precision", choices=PRECISIONS, default="bfloat16", help="number format of the weights")
    parser.add_argument("--n", type=int, default=16, help="prompts of each task, 32 are bundled (default 16)")
    parser.add_argument("--free", action="store_true", help="without quotation and copy bias, which widen the margins")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Compare drafted decoding, and plain decoding in a batch, with plain decoding of one request at a time."""
    if args.n < 1:
        raise InputError("--n must be at least 1", hint="for example --n 8")
    pipeline = Pipeline.from_pretrained(corpus="sample", settings=replace(settings, dtype=args.precision))
    chosen = [job for task in _TASKS for job in jobs.prompt_jobs(pipeline, task, args.n)]
    requests = [replace(request, sampling=Sampling()) for job in chosen for request in job.requests]
    if args.free:
        requests = [replace(request, processors=()) for request in requests]
    command = f"spandraft bench divergence --precision {args.precision} --n {args.n}{' --free' * args.free}"
    return Report.of(command, rows(pipeline.engine.target, requests, graphs=pipeline.engine.graphs))


def rows(target: Target, requests: Sequence[Request], *, graphs: CudaGraphs | None = None) -> list[dict[str, object]]:
    """A row for drafts and one for the control. T(n) is fixed, so that a machine makes the same trees again."""
    drafting, control = Divergences(), Divergences()
    for group in _groups(requests, CONTROL_ROWS):
        plain = [_together(_engine(target, graphs), [request], speculate=False)[0] for request in group]
        drafted = [_together(_engine(target, graphs), [request], speculate=True)[0] for request in group]
        batched = _together(_engine(target, graphs), group, speculate=False)
        for plain_output, drafted_output, batched_output in zip(plain, drafted, batched, strict=True):
            drafting.compare(plain_output, drafted_output)
            control.compare(plain_output, batched_output)
    return [drafting.row("drafted"), control.row(f"plain, {CONTROL_ROWS} rows (control)")]


def _engine(target: Target, graphs: CudaGraphs | None) -> Engine:
    return Engine(target, budget=Budget(limit=_LIMIT), max_rows=CONTROL_ROWS, graphs=graphs)


def _together(engine: Engine, requests: Sequence[Request], *, speculate: bool) -> list[Written]:
    """Outputs of requests that run side by side, in one thread."""
    recorders = [LogitRecorder() for _ in requests]
    recorded = [
        replace(request, processors=(*request.processors, recorder))
        for request, recorder in zip(requests, recorders, strict=True)
    ]
    sessions = [engine.session(request, speculate=speculate) for request in recorded]
    streams = [engine.iterate(session) for session in sessions]
    while streams:
        streams = [stream for stream in streams if next(stream, None) is not None]
    return [Written(tuple(session.tokens), recorder) for session, recorder in zip(sessions, recorders, strict=True)]


def _groups(requests: Sequence[Request], size: int) -> Iterator[Sequence[Request]]:
    return (requests[start : start + size] for start in range(0, len(requests), size))


def _difference(one_V: NDArray[np.floating], other_V: NDArray[np.floating]) -> float:
    """Largest difference of a logit that is allowed in both."""
    allowed_V = np.isfinite(one_V) & np.isfinite(other_V)
    return float(abs(one_V[allowed_V] - other_V[allowed_V]).max(initial=0.0))
