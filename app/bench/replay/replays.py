"""Replays recorded outputs with one method: on token ids alone, or on a real target.

The target's choice is taken from the record ("forced decoding", Yang et al. 2023, LLMA), so a step is one target
forward that commits recorded tokens. Records are replayed in their order; what a method may learn it learns from the
records before. This module must not know options, tables or files' names.

Shapes: T tokens of all passages, P passages.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from app.bench.methods import missing_flag, without_history
from app.bench.workload.traces import Trace, forced_request, read_traces
from app.config.settings import Settings
from app.errors import InputError, ModelError
from app.loading import engine as build
from decoding.cuda.graphs import CudaGraphs
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.drafter import Drafter
from decoding.drafting.presets import Preset
from decoding.engine import Engine
from decoding.interfaces import NO_ORIGIN, Commit, Request, TokenIndex
from decoding.sources.shared import Shared
from decoding.sources.suffix_array import build_index
from decoding.sources.table import make_sources
from decoding.stats import Stats
from decoding.target.target import Target
from decoding.verification.acceptance import make_criterion, sample_and_match

if TYPE_CHECKING:
    from decoding.sources.blend.blend_state import BlendState


@dataclass(frozen=True, slots=True)
class Replayed:
    """The counts of one replayed record, and the seconds of drafting in each step."""

    stats: Stats
    draft_s: tuple[float, ...]


Replay = Callable[[Preset, Sequence[Trace], int], list[Replayed]]
"""Replays all records in order with one method, with at most so many draft nodes a step."""


@dataclass(frozen=True, slots=True)
class Runner:
    """The replays that can be run: on token ids, and on a target if one is loaded, with its drafters."""

    on_tokens: Replay
    on_model: Replay | None = None
    drafters: Shared = field(default_factory=Shared)

    def missing(self, preset: Preset) -> str | None:
        """The option that loads what ``preset`` needs; None if nothing is missing."""
        if preset.needs_model and self.on_model is None:
            return "--model"
        return missing_flag(preset, self.drafters)

    def of(self, preset: Preset) -> Replay:
        """The replay for ``preset``, given that nothing is missing."""
        wants_model = preset.needs_model or preset.reads_logits
        return self.on_model if wants_model and self.on_model is not None else self.on_tokens


def replay_all(vocabulary: BlendState, preset: Preset, traces: Sequence[Trace], budget: int) -> list[Replayed]:
    """Replay all records in order without a model. What outlives a request is shared by the records of one method."""
    memory = _Memory.of(preset, vocabulary)
    return [replay(trace, memory.drafter(preset, budget)) for trace in with_datastore(preset, traces)]


def replay(trace: Trace, drafter: Drafter) -> Replayed:
    """Draft and commit the recorded output to its end. Raises InputError if a draft source fails."""
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
        raise _failed(drafter.failed)
    return Replayed(stats, tuple(draft_s))


@dataclass(frozen=True, slots=True)
class ModelReplay:
    """Replays on a loaded target: its choice is forced to the recorded tokens, its logits are its own.

    For methods that draft from those logits or with a smaller model. Records that do not fit the model's context are
    left out for every method of the run.
    """

    target: Target
    tokenizer: Tokenizer
    end: int
    drafters: Shared
    graphs: CudaGraphs

    @classmethod
    def of(cls, name: str, settings: Settings) -> ModelReplay:
        """Load a target by folder, hub name or ``bundled``, with the drafters of the settings.

        Raises what loading raises, and ModelError if the target has no end token.
        """
        builder = build.request_builder(settings.replace(target=name))
        if not builder.eos_ids:
            raise ModelError(f"{name} names no end token", hint="name one in its generation_config.json")
        engine = builder.engine
        tokenizer = builder.tokens.hf.backend_tokenizer
        return cls(engine.target, tokenizer, min(builder.eos_ids), engine.shared, engine.graphs)

    def read(self, file: Path) -> list[Trace]:
        """The records of a file that fit the context. Raises InputError if none does."""
        traces = read_traces(file, self.tokenizer, end=self.end)
        drafters = [drafter.model for drafter in (self.drafters.draft_model, self.drafters.parallel) if drafter]
        room = min(model.context_length for model in (self.target, *drafters))
        fitting = [trace for trace in traces if len(trace.request.prompt) + len(trace.output) <= room]
        if not fitting:
            raise InputError(f"no record of {file} fits the {room} tokens of the model", hint="take a larger model")
        if len(fitting) < len(traces):
            sys.stderr.write(f"{file.name}: {len(traces) - len(fitting)} of {len(traces)} do not fit the model\n")
        return fitting

    def replay_all(self, preset: Preset, traces: Sequence[Trace], budget: int) -> list[Replayed]:
        """Replay all records in order. T(n) is flat, so that every drafted node is verified."""
        engine = Engine(
            self.target,
            sources=preset.sources,
            budget=Budget(limit=min(budget, preset.limit)),
            calibration=Calibration(frozen=not preset.calibrated),
            shared=without_history(self.drafters),
            prefix_bytes=0,
            graphs=self.graphs,
        )
        return [_replayed(engine, preset, trace) for trace in with_datastore(preset, traces)]


def with_datastore(preset: Preset, traces: Sequence[Trace]) -> Sequence[Trace]:
    """For a method that drafts from a datastore: each record with the passages of all the others, never its own."""
    if "rest" not in preset.sources:
        return traces
    store = Datastore.of([trace.passages for trace in traces])
    return [
        replace(trace, request=replace(trace.request, corpus=store.without(number)))
        for number, trace in enumerate(traces)
    ]


@dataclass(frozen=True, slots=True)
class Datastore:
    """One suffix array over the passages of many records, for leave-one-out retrieval drafts.

    Record i has the tokens from ``borders[i]`` to ``borders[i + 1]`` (exclusive). Removing the suffixes of one record
    leaves the order of the others as it is, so one sort serves all records.
    """

    index: TokenIndex
    borders: tuple[int, ...]

    @classmethod
    def of(cls, records: Sequence[Sequence[Sequence[int]]]) -> Datastore:
        """Index the passages of every record, each given as token ids."""
        borders = [0]
        for passages in records:
            # `build_index` puts a border token behind each passage.
            borders.append(borders[-1] + sum(len(passage) + 1 for passage in passages))
        return cls(build_index([passage for passages in records for passage in passages]), tuple(borders))

    def without(self, record: int) -> TokenIndex:
        """The index as if ``record`` had never been in it: no match begins there, and none can run into it."""
        suffixes_T = self.index.suffixes_T
        is_own_T = (suffixes_T >= self.borders[record]) & (suffixes_T < self.borders[record + 1])
        return TokenIndex(self.index.tokens_T, suffixes_T[~is_own_T], self.index.starts_P)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What one method keeps from record to record."""

    shared: Shared
    calibration: Calibration

    @classmethod
    def of(cls, preset: Preset, vocabulary: BlendState) -> _Memory:
        """Nothing learned yet; a published method never learns."""
        return cls(Shared(blend=vocabulary.fresh()), Calibration(frozen=not preset.calibrated))

    def drafter(self, preset: Preset, budget: int) -> Drafter:
        """The sources of a method, with at most ``budget`` nodes and no more than it was published with."""
        sources = make_sources(preset.sources, self.shared)
        limit = min(budget, preset.limit)
        return Drafter(sources, budget=Budget(limit=limit), vocab_size=2**31, calibration=self.calibration)


def _replayed(engine: Engine, preset: Preset, trace: Trace) -> Replayed:
    request: Request = replace(forced_request(trace), criterion=make_criterion(preset.criterion))
    session = engine.generate(request)
    if session.drafter.failed or tuple(session.tokens) != trace.output:
        raise _failed(session.drafter.failed)
    return Replayed(session.stats, (session.stats.draft_s / session.stats.target_forwards,))


def _failed(names: object) -> InputError:
    return InputError(f"a draft source failed: {names}", hint="this is a defect; please report it")
