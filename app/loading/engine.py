"""Loads the target that settings name, with its tokenizer and its drafters, as a ``RequestBuilder`` over an engine.

Everything heavy is imported where it is made, so that importing this module costs nothing.
"""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config.settings import Settings
from app.loading.calibrations import logit_biases
from app.loading.environment import keep_compiled, wait_passively
from app.loading.models import (
    as_shipped,
    load_target,
    load_tokenizer,
    loading_options,
    require_same_vocabulary,
    target_path,
    without_progress_bars,
)
from app.model_store.choice import settle, stored_path

if TYPE_CHECKING:
    from app.generation.requests import RequestBuilder


def request_builder(settings: Settings, **hf_options: Any) -> RequestBuilder:
    """Load the target that the settings name, with its tokenizer. Raises ModelError and the decoder's errors.

    Further options, such as ``device_map`` and ``quantization_config``, load the target as transformers knows them.
    """
    wait_passively()
    import torch

    from app.generation.drafter_state import DrafterState
    from app.generation.requests import RequestBuilder
    from app.generation.templates import template_for
    from app.generation.token_rules import warn_if_lossy
    from app.loading.drafters import shared_of
    from app.loading.sources import CORPUS, source_names
    from decoding.engine import Engine

    keep_compiled(settings.home)
    settings = settle(settings)
    sources = source_names(settings)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    name = target_path(settings)
    is_stored = stored_path(settings.target, settings.home) is not None
    options = {**loading_options(settings), **hf_options}
    shipped = as_shipped(settings.target, stored=is_stored, options=options)
    with shipped, without_progress_bars(is_local=Path(name).is_dir()):
        target = load_target(name, settings, **options)
        tokens = load_tokenizer(name, settings)
        biases = logit_biases(Path(name), target, tokens)
    require_same_vocabulary(tokens, target)
    shared = shared_of(settings, target, tokens)
    warn_if_lossy(settings)
    drafter_state = DrafterState(settings.home, settings.target, shared.blend)
    atexit.register(drafter_state.save)
    engine = Engine(
        target,
        sources=sources,
        max_nodes=settings.budget,
        calibration=drafter_state.calibration,
        shared=shared,
        max_rows=settings.max_sessions,
        max_waiting=settings.max_waiting,
        graphs=None if settings.cuda_graphs else False,
    )
    template = template_for(tokens, evidence_tokens=settings.evidence_tokens, history_tokens=settings.history_tokens)
    return RequestBuilder(engine, tokens, template, settings, biases, drafter_state, CORPUS in sources)
