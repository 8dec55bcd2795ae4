"""The decoder: drafts from many sources, one token tree, one forward pass of the target to verify it.

Works on token ids; never sees text, files or the web, and imports no other floor. In reading order:

    interfaces     a request in, commits out: the core types, and the protocols of what plugs in
    engine         a target with its draft sources; makes sessions and runs them
    scheduling     ``Scheduler.step``: admit, prefill, draft, verify, commit, for many sessions in each forward
    drafting       asks the sources and decides which drafted nodes pay for themselves
    sources        where drafts come from: copied spans, edits, earlier outputs, small models, published methods
    drafters       the models and heads that the neural sources draft with
    cuda           the target's forwards in fixed shapes, as CUDA graphs
    target         an unmodified Hugging Face model that verifies trees; its caches, masks and loading
    verification   from logits to accepted tokens: what makes the output the target's own
    processors     logits processors: what the target may write
    tree           the token tree that is verified, and the small trees that sources propose
    stats          what is counted: tokens, forwards, nodes by source and depth, time
    errors         every error of this floor, one line of cause, one line of remedy

An import never points up this order: engine > scheduling > drafting > sources > drafters > cuda > target >
verification > processors > stats > tree > interfaces > errors (a contract in ``pyproject.toml``). Importing this
package imports nothing else: the public names below are loaded when they are first used (PEP 562).

    from decoding import Engine, Request, load_target

    engine = Engine(load_target("HuggingFaceTB/SmolLM2-135M-Instruct"))
    session = engine.generate(Request(prompt_ids, max_new_tokens=64))
    print(session.tokens, session.stats.mean_acceptance_length)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decoding.drafting.budget import Budget
    from decoding.engine import Engine
    from decoding.errors import DecodingError
    from decoding.interfaces import (
        AcceptanceCriterion,
        Commit,
        FinishReason,
        Origin,
        OriginKind,
        Processor,
        Reference,
        Request,
        Sampling,
    )
    from decoding.scheduling.session import Session
    from decoding.sources.base import DraftContext, DraftSource
    from decoding.stats import Stats
    from decoding.target.loading import load_target, target_of
    from decoding.target.target import Target
    from decoding.tree import DraftTree
    from decoding.verification.acceptance import make_criterion

__all__ = [
    "AcceptanceCriterion",
    "Budget",
    "Commit",
    "DecodingError",
    "DraftContext",
    "DraftSource",
    "DraftTree",
    "Engine",
    "FinishReason",
    "Origin",
    "OriginKind",
    "Processor",
    "Reference",
    "Request",
    "Sampling",
    "Session",
    "Stats",
    "Target",
    "load_target",
    "make_criterion",
    "target_of",
]

_MODULES = {
    "Budget": "drafting.budget",
    "DecodingError": "errors",
    "DraftContext": "sources.base",
    "DraftSource": "sources.base",
    "DraftTree": "tree",
    "Engine": "engine",
    "Session": "scheduling.session",
    "Stats": "stats",
    "Target": "target.target",
    "load_target": "target.loading",
    "make_criterion": "verification.acceptance",
    "target_of": "target.loading",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use; those without a module above are of ``interfaces``."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'interfaces')}"), name)
