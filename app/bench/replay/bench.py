"""``spandraft bench replay``: how many recorded tokens a step of drafting would have covered, without a model.

"Forced decoding", as LLMA's authors measured (Yang et al. 2023): the target's choice is taken from a recorded
output. A step is one target forward after prefill; tokens include the end token. Records are run in their order, and
what a method may learn it learns from those before. ``--model`` adds a real target for methods that read its logits.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.bench.drafters.parts import lacking, words
from app.bench.replay.datastore import Datastore
from app.bench.replay.traces import BUNDLED_TOKENIZER, TRACES, Trace, load_tokenizer, read_traces
from app.bench.report import Report
from app.config.settings import Settings
from app.errors import InputError, unknown
from app.loading.kernel_cache import keep_compiled
from app.loading.sources import asked_for, flag
from app.phrases.table import blend_state
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.drafter import Drafter
from decoding.drafting.presets import PRESETS, Preset
from decoding.interfaces import NO_ORIGIN, Commit
from decoding.sources import make_sources
from decoding.sources.blend.blend_state import BlendState
from decoding.sources.shared import Shared
from decoding.stats import Stats
from decoding.verification.acceptance import sample_and_match

METHODS = tuple(PRESETS)
PLOTTED = (1, 2, 4, 8, 16, 32, 64)
"""Budgets of the picture."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What replaying one trace took."""

    stats: Stats
    draft_s: tuple[float, ...]


Replay = Callable[[Preset, Sequence[Trace], int], list[Replayed]]
"""Replays all traces in order with one method, at most so many nodes a step."""


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
    """Replay every record with every method."""
    keep_compiled(settings.home)
    presets = presets_of(args.methods)
    if args.budget < 0:
        raise InputError(f"The budget is {args.budget}.", hint="Give the number of draft nodes a step, 0 or more.")
    runner, files = _prepared(args, settings)
    rows = [row(one, file, runner, args.budget) for file in files for one in presets]
    if args.plot is not None:
        _plot(args.plot, presets, files, runner)
    return Report.of(_command(args, settings), rows)


def presets_of(names: str) -> list[Preset]:
    """The methods of a comma-separated list. Raises UnknownNameError."""
    wanted = [name.strip() for name in names.split(",")]
    if missing := [name for name in wanted if name not in PRESETS]:
        raise unknown("method", missing[0], PRESETS)
    return [PRESETS[name] for name in wanted]


@dataclass(frozen=True, slots=True)
class TraceFile:
    """The records of one file."""

    name: str
    traces: tuple[Trace, ...]


@dataclass(frozen=True, slots=True)
class Runner:
    """How presets are replayed: on token ids alone, and on a model if there is one, with what drafts for it."""

    on_tokens: Replay
    on_model: Replay | None = None
    drafters: Shared = field(default_factory=Shared)

    def missing(self, one: Preset) -> str | None:
        """The option that gives what ``one`` needs, if it is not there."""
        if one.needs_model and self.on_model is None:
            return "--model"
        return lacking(one, self.drafters)

    def of(self, one: Preset) -> Replay:
        """The way that ``one`` is run, if nothing is missing."""
        wants_model = one.needs_model or one.reads_logits
        return self.on_model if wants_model and self.on_model is not None else self.on_tokens


def row(one: Preset, file: TraceFile, runner: Runner, budget: int) -> dict[str, object]:
    """The figures of one method over all traces of a file."""
    if option := runner.missing(one):
        return {"method": one.name, "traces": file.name, "mean_acceptance_length": f"needs {option}"}
    replays = runner.of(one)(one, file.traces, budget)
    steps = sum(each.stats.target_forwards for each in replays)
    tokens = sum(each.stats.tokens for each in replays)
    return {
        "method": one.name,
        "traces": file.name,
        "mean_acceptance_length": tokens / steps,
        "drafted_per_step": sum(each.stats.drafted for each in replays) / steps,
        "draft_us_per_step": 1e6 * statistics.median(spent for each in replays for spent in each.draft_s),
        "steps": steps,
        "tokens": tokens,
    }


@dataclass(frozen=True, slots=True)
class Memory:
    """What one method keeps from record to record."""

    shared: Shared
    calibration: Calibration

    @classmethod
    def of(cls, one: Preset, vocabulary: BlendState) -> Memory:
        """Nothing learned yet; for a published method nothing ever."""
        return cls(Shared(blend=vocabulary.fresh()), Calibration(frozen=not one.calibrated))

    def drafter(self, one: Preset, budget: int) -> Drafter:
        """The sources of a method, with at most ``budget`` nodes and no more than it was published with."""
        sources = make_sources(one.sources, self.shared)
        limit = min(budget, one.limit)
        return Drafter(sources, budget=Budget(limit=limit), vocab_size=2**31, calibration=self.calibration)


def replay_all(vocabulary: BlendState, one: Preset, traces: Sequence[Trace], budget: int) -> list[Replayed]:
    """All traces in order, without a model. What outlives a request is shared by those of one method."""
    memory = Memory.of(one, vocabulary)
    return [replay(trace, memory.drafter(one, budget)) for trace in with_datastore(one, traces)]


def with_datastore(one: Preset, traces: Sequence[Trace]) -> Sequence[Trace]:
    """For a method that drafts from a datastore: each trace with the passages of all the others, never its own."""
    if "rest" not in one.sources:
        return traces
    store = Datastore.of([trace.passages for trace in traces])
    return [replace(trace, request=replace(trace.request, corpus=store.without(at))) for at, trace in enumerate(traces)]


def replay(trace: Trace, drafter: Drafter) -> Replayed:
    """Draft, and let the recorded output be the target's choice, to its end."""
    output = trace.output
    drafter.start(trace.request)
    stats, written, draft_s = Stats(), list[int](), list[float]()
    while len(written) < len(output):
        started = time.perf_counter()
        root = written[-1] if written else trace.request.prompt[-1]
        candidates = drafter.draft(written, root=root, max_depth=len(output) - len(written))
        (tree,) = drafter.budget.cut([candidates])
        draft_s.append(time.perf_counter() - started)
        recorded: Iterator[int] = iter(output[len(written) :])
        walk = sample_and_match(tree, lambda _: next(recorded), lambda token: token == output[-1])  # noqa: B023
        written.extend(walk.tokens)
        stats.record(tree, walk.path, len(walk.tokens))
        own = len(walk.tokens) - len(walk.path)
        names = (*(tree.sources[node] for node in walk.path), *[()] * own)
        drafter.observe(Commit(walk.tokens, names, (NO_ORIGIN,) * len(walk.tokens)))
    drafter.finish()
    if drafter.failed:
        raise InputError(f"A draft source failed: {drafter.failed}", hint="This is a defect; please report it.")
    return Replayed(stats, tuple(draft_s))


def _prepared(args: argparse.Namespace, settings: Settings) -> tuple[Runner, list[TraceFile]]:
    """The records in the tokens of the model, or of the tokenizer where there is none."""
    if args.model is None:
        for key in asked_for(settings):
            if settings.origin(key) == "command line":
                raise InputError(f"{flag(key)} is for a --model.", hint="Name the target as well: --model bundled.")
        tokenizer = load_tokenizer(args.tokenizer or BUNDLED_TOKENIZER)
        on_tokens = partial(replay_all, blend_state(tokenizer))
        return Runner(on_tokens), [_read(file, read_traces(file, tokenizer)) for file in args.file]
    if args.tokenizer is not None:
        raise InputError("A model has its own tokenizer.", hint="Leave --tokenizer away, or --model.")
    from app.bench.replay.model import ModelReplay

    model = ModelReplay.of(args.model, settings)
    files = [_read(file, model.read(file)) for file in args.file]
    on_tokens = partial(replay_all, blend_state(model.tokenizer))
    return Runner(on_tokens, model.replay_all, model.drafters), files


def _read(file: Path, traces: Sequence[Trace]) -> TraceFile:
    return TraceFile(file.stem, tuple(traces))


def _plot(file: Path, presets: Sequence[Preset], files: Sequence[TraceFile], runner: Runner) -> None:
    """Replay at every budget and draw it."""
    from app.bench.replay.plot import Line, Panel, draw

    panels = []
    for traces in files:
        lines = []
        for one in presets:
            sys.stderr.write(f"plot: {traces.name}, {one.name}\n")
            found = [row(one, traces, runner, budget)["mean_acceptance_length"] for budget in PLOTTED]
            heights = [length for length in found if isinstance(length, float)]
            if len(heights) == len(PLOTTED):
                lines.append(Line(one.name, tuple(heights)))
        panels.append(Panel(traces.name, tuple(lines)))
    draw(file, PLOTTED, panels)


def _command(args: argparse.Namespace, settings: Settings) -> str:
    """The line that repeats this run."""
    said = [] if tuple(args.file) == TRACES else [file.name for file in args.file]
    said.append(f"--budget {args.budget}")
    if args.methods != ",".join(METHODS):
        said.append(f"--methods {args.methods}")
    if args.tokenizer is not None:
        said.append(f"--tokenizer {args.tokenizer}")
    if args.model is not None:
        said += [f"--model {args.model}", *words(settings)]
    if args.plot is not None:
        said.append(f"--plot {args.plot}")
    return " ".join(["spandraft bench replay", *said])
