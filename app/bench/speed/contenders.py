"""Methods that the speed bench times on one target: ours with and without drafts, presets, Hugging Face, peers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.bench.methods import PARTS, missing_flag, without_history
from app.bench.speed.hugging_face import HuggingFace, Loaded, NotLoaded, plain
from app.bench.speed.peers import PEERS, Interpreters, Peer, PeerFailed, PeerModel, start_peer
from app.bench.speed.ran import Ran
from decoding.drafting.budget import Budget
from decoding.drafting.calibration import Calibration
from decoding.drafting.presets import PRESETS, Needs, Preset
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.neural.draft_model import DraftModel
from decoding.target.target import Target
from decoding.verification.acceptance import make_criterion

HUGGING_FACE = (
    "hf-greedy",
    "hf-prompt-lookup",
    "hf-assisted",
    "hf-greedy-f32",
    "hf-prompt-lookup-f32",
    "hf-greedy-bf16",
    "hf-prompt-lookup-bf16",
)
METHODS = (*HUGGING_FACE, *PEERS, "plain", *(name for name in PRESETS if name != "autoregressive"))
"""``plain`` is our own decoding without drafts. Without a suffix Hugging Face runs in the target's precision, but for
int8 in float32: quantised layers are ours.
"""
GGUF, INT8 = "gguf", "int8"
_PRECISIONS = {"-f32": "float32", "-bf16": "bfloat16"}

Contender = Callable[[Request], Ran]
"""Runs one request to its end."""


@dataclass(slots=True)
class Field:
    """The methods of a run: those that take part, in which precision each computes, and why others cannot.

    As a context manager it ends the peers' processes.
    """

    taking_part: dict[str, Contender] = dataclasses.field(default_factory=dict)
    precisions: dict[str, str] = dataclasses.field(default_factory=dict)
    absent: dict[str, str] = dataclasses.field(default_factory=dict)
    peers: list[Peer] = dataclasses.field(default_factory=list)

    def __enter__(self) -> Field:
        return self

    def __exit__(self, *_: object) -> None:
        for peer in self.peers:
            peer.close()

    def add(self, name: str, contender: Contender, precision: str) -> None:
        """Let a method take part."""
        self.taking_part[name], self.precisions[name] = contender, precision

    def drop(self, name: str, reason: str) -> None:
        """Say why a method cannot take part, or no longer."""
        self.absent[name] = reason
        self.taking_part.pop(name, None)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where other programs find the model. ``forced``: outputs are recorded ones, which they cannot be told."""

    model: PeerModel
    pythons: Interpreters = dataclasses.field(default_factory=Interpreters)
    forced: bool = False


def contenders(names: Sequence[str], engine: Engine, around: Surroundings) -> Field:
    """The methods of ``names`` on the engine's target; those that cannot run with the reason."""
    field, own = Field(), engine.target.precision
    copies: dict[str, Loaded | NotLoaded] = {}
    for name in names:
        if (option := missing(name, engine)) is not None:
            field.drop(name, f"it needs {option}")
        elif name in PEERS:
            _add_peer(field, name, own, around)
        elif name in HUGGING_FACE:
            precision = next((of for suffix, of in _PRECISIONS.items() if name.endswith(suffix)), own)
            precision = "float32" if precision == INT8 else precision
            if precision not in copies:
                copies[precision] = _copy(engine.target, precision, folder=around.model.folder)
            if isinstance(copy := copies[precision], NotLoaded):
                field.drop(name, str(copy))
            else:
                field.add(name, _hugging_face(name, copy, engine.shared.draft_model), precision)
        else:
            field.add(name, _ours_by(name, engine), own)
    return field


def _copy(target: Target, precision: str, *, folder: Path | None) -> Loaded | NotLoaded:
    try:
        return plain(target, precision, folder=folder)
    except NotLoaded as error:  # A reason for each method that would run on it.
        return error


def missing(name: str, engine: Engine) -> str | None:
    """The option that loads a method's drafter; None if the engine has it or the method needs none."""
    if name == "hf-assisted" and engine.shared.draft_model is None:
        return PARTS[Needs.DRAFT_MODEL].flag
    return missing_flag(PRESETS[name], engine.shared) if name in PRESETS else None


def _add_peer(field: Field, name: str, own: str, around: Surroundings) -> None:
    if around.forced:
        field.drop(name, "it cannot be forced to write recorded outputs")
        return
    dtype = "float32" if own == INT8 else own
    try:
        peer = start_peer(name, around.model, around.pythons, dtype=dtype)
    except PeerFailed as error:
        field.drop(name, str(error))
        return
    field.peers.append(peer)
    field.add(name, peer, dtype if name == "dejavuu" else GGUF)


def _hugging_face(name: str, model: Loaded, draft: DraftModel | None) -> Contender:
    theirs = HuggingFace(model, draft.model if draft is not None else None)
    if name.startswith("hf-greedy"):
        return lambda request: _greedy(theirs, request)
    if name.startswith("hf-prompt-lookup"):
        return lambda request: _drafting(theirs.prompt_lookup, request)
    return lambda request: _drafting(theirs.assisted, request)


def _ours_by(name: str, engine: Engine) -> Contender:
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
