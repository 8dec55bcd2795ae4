"""Methods that the speed bench times on one target: ours with and without drafts, presets, and Hugging Face's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.bench.methods import PARTS, missing_flag, without_history
from app.bench.speed.hugging_face import HuggingFace
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.presets import PRESETS, Needs, Preset
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.verification.acceptance import make_criterion

HUGGING_FACE = ("hf-greedy", "hf-prompt-lookup", "hf-assisted")
METHODS = (*HUGGING_FACE, "plain", *(name for name in PRESETS if name != "autoregressive"))
"""``plain`` is our own decoding without drafts."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished request: seconds in all, and those of prefill, None where drafts were verified with the prompt.

    ``reads_first``: prefill gave the first token, too; else the first step did.
    """

    tokens: tuple[int, ...]
    spent_s: float
    prefill_s: float | None
    reads_first: bool = False


Contender = Callable[[Request], Ran]
"""Runs one request to its end."""


def contenders(names: Sequence[str], engine: Engine) -> dict[str, Contender]:
    """The methods of ``names`` on the engine's target, without those whose drafter the engine does not have."""
    return {name: _contender(name, engine) for name in names if missing(name, engine) is None}


def missing(name: str, engine: Engine) -> str | None:
    """The option that loads a method's drafter; None if the engine has it or the method needs none."""
    if name == "hf-assisted" and engine.shared.draft_model is None:
        return PARTS[Needs.DRAFT_MODEL].flag
    return missing_flag(PRESETS[name], engine.shared) if name in PRESETS else None


def _contender(name: str, engine: Engine) -> Contender:
    draft = engine.shared.draft_model
    if name in HUGGING_FACE:
        theirs = HuggingFace(engine.target, draft.model if draft is not None else None)
        if name == "hf-greedy":
            return lambda request: _greedy(theirs, request)
        if name == "hf-prompt-lookup":
            return lambda request: _drafting(theirs.prompt_lookup, request)
        return lambda request: _drafting(theirs.assisted, request)
    if name == "plain":
        return lambda request: _ours(engine, request, speculate=False)
    if name == "spandraft":
        return lambda request: _ours(engine, request)
    preset = PRESETS[name]
    published, criterion = _published(preset, engine), make_criterion(preset.criterion)
    return lambda request: _ours(published, replace(request, criterion=criterion))


def _published(preset: Preset, engine: Engine) -> Engine:
    """An engine that runs a method as it was published: every drafted node is verified."""
    return Engine(
        engine.target,
        sources=preset.sources,
        budget=Budget(limit=min(preset.limit, engine.target.context_length)),
        calibration=Calibration(frozen=True),
        shared=without_history(engine.shared),
        graphs=engine.graphs,
    )


def _ours(engine: Engine, request: Request, *, speculate: bool = True) -> Ran:
    engine.forget()  # A prompt in the prefix cache would cost nothing.
    started = time.perf_counter()
    session = engine.generate(request, speculate=speculate)
    spent_s = time.perf_counter() - started
    return Ran(tuple(session.tokens), spent_s, session.stats.prefill_s)


def _greedy(theirs: HuggingFace, request: Request) -> Ran:
    started = time.perf_counter()
    tokens = tuple(theirs.greedy(request))
    return Ran(tokens, time.perf_counter() - started, theirs.forwards.first_at - started, reads_first=True)


def _drafting(generate: Callable[[Request], Sequence[int]], request: Request) -> Ran:
    started = time.perf_counter()
    tokens = tuple(generate(request))
    return Ran(tokens, time.perf_counter() - started, None, reads_first=True)
