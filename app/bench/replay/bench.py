"""``spandraft bench replay``: how many recorded tokens a step of drafting would have covered, without a model.

A step is one target forward after prefill; tokens include the end token. ``--model`` adds a real target for methods
that read its logits. How a record is replayed is in `app.bench.replay.replays`; this module has options and figures.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.bench.methods import drafter_flags
from app.bench.replay.plot import Line, Panel, draw
from app.bench.replay.replays import ModelReplay, Runner, replay_all
from app.bench.report import Report
from app.bench.workload.traces import BUNDLED_TOKENIZER, TRACES, Trace, load_tokenizer, read_traces
from app.config.settings import Settings
from app.errors import InputError, unknown
from app.loading.environment import keep_compiled
from app.loading.sources import asked_for, flag
from decoding.drafting.presets import PRESETS, Preset

METHODS = tuple(PRESETS)
PLOTTED = (1, 2, 4, 8, 16, 32, 64)
"""Budgets of the picture, in draft nodes a step."""


@dataclass(frozen=True, slots=True)
class TraceFile:
    """The records of one file."""

    name: str
    traces: tuple[Trace, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the bench."""
    parser.add_argument(
        "file", type=Path, nargs="*", default=TRACES, help="recorded outputs; default: the bundled ones"
    )
    parser.add_argument("--budget", type=int, default=32, help="draft nodes a step at most (default 32)")
    parser.add_argument("--methods", default=",".join(METHODS), help="some of `spandraft bench methods` (default: all)")
    parser.add_argument("--tokenizer", type=Path, default=None, help="a tokenizer.json (default: the bundled target's)")
    parser.add_argument("--model", metavar="NAME", help="a target for methods that need one: bundled, folder, hub name")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw tokens a step against the budget")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Replay every record with every method. Raises InputError, UnknownNameError, and what loading raises."""
    keep_compiled(settings.home)
    presets = presets_of(args.methods)
    if args.budget < 0:
        raise InputError(f"the budget is {args.budget}", hint="give the number of draft nodes a step, 0 or more")
    runner, files = _prepared(args, settings)
    rows = [method_row(preset, file, runner, args.budget) for file in files for preset in presets]
    if args.plot is not None:
        _plot(args.plot, presets, files, runner)
    return Report.of(_command(args, settings), rows)


def presets_of(names: str) -> list[Preset]:
    """The methods of a comma-separated list. Raises UnknownNameError."""
    stripped = [name.strip() for name in names.split(",")]
    if missing := [name for name in stripped if name not in PRESETS]:
        raise unknown("method", missing[0], PRESETS)
    return [PRESETS[name] for name in stripped]


def method_row(preset: Preset, file: TraceFile, runner: Runner, budget: int) -> dict[str, object]:
    """The figures of one method over all records of a file; times in microseconds."""
    if option := runner.missing(preset):
        return {"method": preset.name, "traces": file.name, "mean_acceptance_length": f"needs {option}"}
    replays = runner.of(preset)(preset, file.traces, budget)
    steps = sum(replay.stats.target_forwards for replay in replays)
    tokens = sum(replay.stats.tokens for replay in replays)
    return {
        "method": preset.name,
        "traces": file.name,
        "mean_acceptance_length": tokens / steps,
        "drafted_per_step": sum(replay.stats.drafted for replay in replays) / steps,
        "draft_us_per_step": 1e6 * statistics.median(draft_s for replay in replays for draft_s in replay.draft_s),
        "steps": steps,
        "tokens": tokens,
    }


def _prepared(args: argparse.Namespace, settings: Settings) -> tuple[Runner, list[TraceFile]]:
    """The records in the tokens of the model, or of the tokenizer where there is no model."""
    from app.phrases.table import blend_state  # Late: it brings the compiler, after ``keep_compiled``.

    folder = settings.home / "phrases"
    if args.model is None:
        for key in asked_for(settings):
            if settings.origin(key) == "command line":
                raise InputError(f"{flag(key)} is for a --model", hint="name the target as well: --model bundled")
        tokenizer = load_tokenizer(args.tokenizer or BUNDLED_TOKENIZER)
        on_tokens = partial(replay_all, blend_state(tokenizer, folder=folder))
        return Runner(on_tokens), [_trace_file(file, read_traces(file, tokenizer)) for file in args.file]
    if args.tokenizer is not None:
        raise InputError("a model has its own tokenizer", hint="leave --tokenizer out, or --model")
    model = ModelReplay.of(args.model, settings)
    files = [_trace_file(file, model.read(file)) for file in args.file]
    on_tokens = partial(replay_all, blend_state(model.tokenizer, folder=folder))
    return Runner(on_tokens, model.replay_all, model.drafters), files


def _trace_file(file: Path, traces: Sequence[Trace]) -> TraceFile:
    return TraceFile(file.stem, tuple(traces))


def _plot(file: Path, presets: Sequence[Preset], files: Sequence[TraceFile], runner: Runner) -> None:
    """Replay at every budget and draw the result."""
    panels = []
    for traces in files:
        lines = []
        for preset in presets:
            sys.stderr.write(f"plot: {traces.name}, {preset.name}\n")
            rows = [method_row(preset, traces, runner, budget) for budget in PLOTTED]
            lengths = [length for row in rows if isinstance(length := row["mean_acceptance_length"], float)]
            if len(lengths) == len(PLOTTED):
                lines.append(Line(preset.name, tuple(lengths)))
        panels.append(Panel(traces.name, tuple(lines)))
    draw(file, PLOTTED, panels)


def _command(args: argparse.Namespace, settings: Settings) -> str:
    """The command that repeats this run."""
    words = [] if tuple(args.file) == TRACES else [file.name for file in args.file]
    words.append(f"--budget {args.budget}")
    if args.methods != ",".join(METHODS):
        words.append(f"--methods {args.methods}")
    if args.tokenizer is not None:
        words.append(f"--tokenizer {args.tokenizer}")
    if args.model is not None:
        words += [f"--model {args.model}", *drafter_flags(settings)]
    if args.plot is not None:
        words.append(f"--plot {args.plot}")
    return " ".join(["spandraft bench replay", *words])
