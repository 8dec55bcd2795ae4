"""Replay on a real target: its choice is forced to the recorded tokens, its logits are its own.

For methods that draft from those logits or with a smaller model. Records that do not fit the model's context are left
out, for every method of the run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

from app.bench.drafters.parts import fresh
from app.bench.replay.bench import Replayed, with_datastore
from app.bench.replay.traces import Trace, read_traces
from app.bench.speed.forced import forced_request
from app.config.settings import Settings
from app.errors import InputError, ModelError
from app.loading import engine as build
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.presets import Preset
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.shared import Shared
from decoding.target.target import Target
from decoding.verification.criteria import make_criterion


@dataclass(frozen=True, slots=True)
class ModelReplay:
    """A loaded target with its tokenizer, its end token, and what drafts for it."""

    target: Target
    tokenizer: Tokenizer
    end: int
    drafters: Shared

    @classmethod
    def of(cls, name: str, settings: Settings) -> ModelReplay:
        """Load by folder, hub name or ``bundled``, with the drafters of the settings.

        Raises what loading raises, and ModelError without an end token.
        """
        writer = build.writer(settings.replace(target=name))
        if not writer.eos_ids:
            raise ModelError(f"{name} names no end token.", hint="Name one in its generation_config.json.")
        engine = writer.engine
        return cls(engine.target, writer.tokens.hf.backend_tokenizer, min(writer.eos_ids), engine.shared)

    def read(self, file: Path) -> list[Trace]:
        """The records of a file that fit the context. Raises InputError if none does."""
        traces = read_traces(file, self.tokenizer, end=self.end)
        drafting = [one.model for one in (self.drafters.draft_model, self.drafters.parallel) if one is not None]
        room = min(model.context_length for model in (self.target, *drafting))
        fitting = [trace for trace in traces if len(trace.request.prompt) + len(trace.output) <= room]
        if not fitting:
            raise InputError(f"No record of {file} fits the {room} tokens of the model.", hint="Take a larger model.")
        if len(fitting) < len(traces):
            sys.stderr.write(f"{file.name}: {len(traces) - len(fitting)} of {len(traces)} do not fit the model\n")
        return fitting

    def replay_all(self, one: Preset, traces: Sequence[Trace], budget: int) -> list[Replayed]:
        """All traces in order, verified by the target; T(n) is flat, so that every node drafted is verified."""
        engine = Engine(
            self.target,
            sources=one.sources,
            budget=Budget(limit=min(budget, one.limit)),
            calibration=Calibration(frozen=not one.calibrated),
            shared=fresh(self.drafters),
            prefix_bytes=0,
        )
        return [_replayed(engine, one, trace) for trace in with_datastore(one, traces)]


def _replayed(engine: Engine, one: Preset, trace: Trace) -> Replayed:
    request: Request = replace(forced_request(trace), criterion=make_criterion(one.criterion))
    session = engine.generate(request)
    if session.drafter.failed or tuple(session.tokens) != trace.output:
        cause = f"A draft source failed: {session.drafter.failed}"
        raise InputError(cause, hint="This is a defect; please report it.")
    return Replayed(session.stats, (session.stats.draft_s / session.stats.target_forwards,))
