"""The ways in which the speed bench asks one target: ours with and without drafts, presets, and Hugging Face's own."""

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
from decoding.verification.criteria import make_criterion

THEIRS = ("hf-greedy", "hf-prompt-lookup", "hf-assisted")
METHODS = (*THEIRS, "plain", *(name for name in PRESETS if name != "autoregressive"))
"""``plain`` is our own decoding without drafts."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One request done: seconds in all, and those for reading the prompt, None where drafts were verified with it.

    ``reads_first``: reading the prompt gave the first token, too; else the first step did.
    """

    tokens: tuple[int, ...]
    spent_s: float
    prefill_s: float | None
    reads_first: bool = False


Way = Callable[[Request], Ran]


def ways(names: Sequence[str], engine: Engine) -> dict[str, Way]:
    """The methods of ``names`` on the engine's target, but for those that draft with what the engine does not have."""
    return {name: _way(name, engine) for name in names if missing(name, engine) is None}


def missing(name: str, engine: Engine) -> str | None:
    """The option that names what a method drafts with, if the engine does not have it."""
    if name == "hf-assisted" and engine.shared.draft_model is None:
        return PARTS[Needs.DRAFT_MODEL].flag
    return missing_flag(PRESETS[name], engine.shared) if name in PRESETS else None


def _way(name: str, engine: Engine) -> Way:
    draft = engine.shared.draft_model
    if name in THEIRS:
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
    one = PRESETS[name]
    published, criterion = _published(one, engine), make_criterion(one.criterion)
    return lambda request: _ours(published, replace(request, criterion=criterion))


def _published(one: Preset, engine: Engine) -> Engine:
    """An engine that runs a published method as it was published: all that it drafts is verified."""
    return Engine(
        engine.target,
        sources=one.sources,
        budget=Budget(limit=min(one.limit, engine.target.context_length)),
        calibration=Calibration(frozen=True),
        shared=without_history(engine.shared),
    )


def _ours(engine: Engine, request: Request, *, speculate: bool = True) -> Ran:
    engine.forget()  # A prompt that was read before would cost nothing now.
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
