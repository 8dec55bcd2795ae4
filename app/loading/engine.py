"""Settings to objects: the place that constructs encoder, engine and pipeline. ``build_models`` loads the models,
``build_drafters`` those that draft, ``build_corpus`` does the rest.

Everything heavy is imported where it is made, so that importing this module costs nothing.
"""

from __future__ import annotations

import atexit
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.config.device_options import loading_options
from app.config.settings import BUNDLED, Settings
from app.errors import ModelError
from app.generation.logit_biases import LogitBiases
from app.loading.kernel_cache import keep_compiled
from app.loading.models import (
    as_shipped,
    load_target,
    load_tokenizer,
    place_of,
    require_place,
    require_same_vocabulary,
    without_progress_bars,
)
from app.loading.openmp import wait_passively

if TYPE_CHECKING:
    from app.generation.requests import RequestBuilder
    from app.pipeline import FindEvidence, Pipeline, Searchable
    from retrieval.encoder import SentenceTransformerEncoder
    from retrieval.hits import Evidence, Hit

_TUNING_FILE = "spandraft.json"


def open_pipeline(
    settings: Settings | None = None,
    *,
    corpus: str | Searchable | None = None,
    target: str | None = None,
    dtype: str | None = None,
    **hf_options: Any,
) -> Pipeline:
    """A pipeline from settings; ``target`` and ``dtype`` win over them, None leaves them as they are.

    Further options, such as ``device_map`` and ``quantization_config``, load the target as transformers knows them.
    A wrong path of the target costs no building of a corpus, and a wrong name of a corpus no loading of models. Raises
    what loading and opening raise.
    """
    wait_passively()
    from app.library.corpus import Corpus
    from app.pipeline import Pipeline, draft_index

    settings = settings if settings is not None else Settings.load()
    changes = {key: value for key, value in (("target", target), ("dtype", dtype)) if value is not None}
    settings = settings.replace(**changes) if changes else settings
    require_place(settings.target)
    opened = Corpus.open(corpus, settings=settings) if isinstance(corpus, str) else corpus
    if opened is not None:
        _load_encoder(settings)
    found = writer(settings, **hf_options)
    draft_index(opened, found)
    return Pipeline(
        found,
        evidence_finder(settings),
        corpus=opened,
        target_name=settings.target,
        encoder_is_english=settings.encoder == BUNDLED,
    )


def writer(settings: Settings, **hf_options: Any) -> RequestBuilder:
    """Load the target that the settings name, with its tokenizer. Raises ModelError and the decoder's errors."""
    wait_passively()
    import torch

    from app.generation.drafter_state import DrafterState
    from app.generation.requests import RequestBuilder
    from app.generation.templates import template_for
    from app.generation.token_rules import warn_if_lossy
    from app.loading.drafters import shared_of
    from app.loading.sources import CORPUS, source_names
    from decoding.drafting.budget import Budget
    from decoding.engine import Engine

    keep_compiled(settings.home)
    sources = source_names(settings)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    name = place_of(settings.target)
    with as_shipped(settings.target), without_progress_bars(is_local=Path(name).is_dir()):
        target = load_target(name, settings, **{**loading_options(settings), **hf_options})
        tokens = load_tokenizer(name, settings)
        tuning = _tuning(Path(name))
    require_same_vocabulary(tokens, target)
    target.graphs = None if settings.cuda_graphs else False
    shared = shared_of(settings, target, tokens)
    warn_if_lossy(settings)
    learned = DrafterState(settings.home, settings.target, shared.blend)
    atexit.register(learned.save)
    engine = Engine(
        target,
        sources=sources,
        budget=Budget.measured(target, limit=settings.budget),
        calibration=learned.calibration,
        shared=shared,
        max_rows=settings.max_sessions,
        max_waiting=settings.max_waiting,
    )
    return RequestBuilder(engine, tokens, template_for(tokens), settings, tuning, learned, CORPUS in sources)


def _tuning(folder: Path) -> LogitBiases:
    """What the target's folder says about its own biases; nothing for a model without that file."""
    file = folder / _TUNING_FILE
    if not file.is_file():
        return LogitBiases()
    try:
        return LogitBiases.of(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{file} cannot be read: {error}", hint="It must be JSON with numbers.") from error


def evidence_finder(settings: Settings, *, by_cosine: bool = False) -> FindEvidence:
    """Finds the evidence sentences of hits with the encoder that the settings name, ``by_cosine``: by it alone."""
    from app.loading.relevance import relevance_for
    from retrieval.evidence import select_evidence
    from retrieval.sentences import SentenceCache

    found = encoder(settings)
    known = SentenceCache(found)

    def find(question: str, hits: Sequence[Hit], limit: int) -> Sequence[Evidence]:
        judge = None if by_cosine else relevance_for(found.name)
        return select_evidence(question, hits, encoder=found, limit=limit, cache=known, relevance=judge)

    return find


def encoder(settings: Settings) -> SentenceTransformerEncoder:
    """The encoder that the settings name; one object a name and device, whose model is loaded on first use."""
    from retrieval.encoder_files import DEFAULT_ENCODER

    wait_passively()
    if settings.device is not None:
        from decoding.target.placement import device_for

        device_for(settings.device)
    return _encoder(DEFAULT_ENCODER if settings.encoder == BUNDLED else settings.encoder, settings.device)


def _load_encoder(settings: Settings) -> None:
    """Load the encoder's model now, so that the first question does not pay for it."""
    with without_progress_bars(is_local=settings.encoder == BUNDLED or Path(settings.encoder).is_dir()):
        encoder(settings).encode_queries([""])


@cache
def _encoder(name: str, device: str | None) -> SentenceTransformerEncoder:
    from retrieval.encoder import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name, device=device)
