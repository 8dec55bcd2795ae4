"""Settings to objects: the place that constructs encoder, target, engine and pipeline; ``build_corpus`` does the rest.

Everything heavy is imported where it is made, so that importing this module costs nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.compiling import keep_compiled
from app.errors import MissingPartError, ModelError, nearest, unknown
from app.placing import loading_options
from app.settings import BUNDLED, Settings
from app.threads import wait_passively
from app.tuning import Tuning

if TYPE_CHECKING:
    from app.pipeline import FindEvidence, Pipeline, Searchable
    from app.tokens import TextTokenizer
    from app.writer import Writer
    from decoding.sources.draft_model import DraftModel
    from decoding.target import Target
    from retrieval.encoder import SentenceTransformerEncoder
    from retrieval.hits import Evidence, Hit

log = logging.getLogger(__name__)

_COARSE = ("bfloat16", "float16")
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
    A corpus is opened first: a wrong name costs no loading of models. Raises what loading and opening raise.
    """
    wait_passively()
    from app.corpus import Corpus
    from app.pipeline import Pipeline, draft_index

    settings = settings if settings is not None else Settings.load()
    changes = {key: value for key, value in (("target", target), ("dtype", dtype)) if value is not None}
    settings = settings.replace(**changes) if changes else settings
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


def bundled_target() -> Path:
    """The folder of the bundled target, whether or not its weights are there."""
    return Path(__file__).parent / "models" / "target"


def writer(settings: Settings, **hf_options: Any) -> Writer:
    """Load the target that the settings name, with its tokenizer. Raises ModelError and the decoder's errors."""
    wait_passively()
    import torch

    from app.choosing import warn_if_lossy
    from app.drafts import CORPUS, source_names
    from app.learned import Learned
    from app.phrases import blend_state
    from app.templates import template_for
    from app.tokens import TextTokenizer
    from app.writer import Writer
    from decoding.budget import Budget
    from decoding.engine import Engine
    from decoding.sources.shared import Shared

    keep_compiled(settings.home)
    sources = source_names(settings)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    name = _place(settings.target)
    with _without_progress_bars(is_local=Path(name).is_dir()):
        target = _target(name, settings, **{**loading_options(settings), **hf_options})
        tokens = TextTokenizer(_tokenizer(name, settings))
    _require_same_vocabulary(tokens, target)
    target.graphs = None if settings.cuda_graphs else False
    shared = Shared(
        draft_model=_draft_model(settings.draft_model, target, tokens, settings),
        blend=blend_state(tokens.hf.backend_tokenizer),
    )
    warn_if_lossy(settings)
    learned = Learned(settings.home, settings.target, shared.blend)
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
    return Writer(engine, tokens, template_for(tokens), settings, _tuning(Path(name)), learned, CORPUS in sources)


def _draft_model(name: str | None, target: Target, tokens: TextTokenizer, settings: Settings) -> DraftModel | None:
    """Load the small model that drafts for ``target``; it must have the same tokens. Raises ModelError."""
    from app.drafts import require_same_tokenizer
    from app.tokens import TextTokenizer
    from decoding.sources.draft_model import DraftModel

    if name is None:
        return None
    place = _place(name)
    with _without_progress_bars(is_local=Path(place).is_dir()):
        model = _target(place, settings)
        require_same_tokenizer(name, TextTokenizer(_tokenizer(place, settings)), settings.target, tokens)
        return DraftModel.of(model, target, tokens=tokens.vocabulary)


def _place(name: str) -> str:
    if name != BUNDLED:
        if not Path(name).exists() and nearest(name, [BUNDLED]):
            raise unknown("model", name, [BUNDLED])
        return name
    folder = bundled_target()
    if not (folder / "model.safetensors").is_file():
        raise MissingPartError(
            "The bundled target has no weights in this installation.",
            hint="Install a release, or name a model with --target (a folder or a name on the hub).",
        )
    return str(folder)


@contextlib.contextmanager
def _without_progress_bars(*, is_local: bool) -> Iterator[None]:
    """No bar for a second's loading from a local folder; a download keeps its own."""
    import transformers.utils.logging

    hf_logging: Any = transformers.utils.logging  # Its functions have no types.
    hide = is_local and hf_logging.is_progress_bar_enabled()
    if hide:
        hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        if hide:
            hf_logging.enable_progress_bar()


def _target(name: str, settings: Settings, **hf_options: Any) -> Target:
    from decoding.target import Target

    place = settings.device or "auto"
    dtype = settings.dtype or _own_dtype(name, place, settings)
    target = Target.from_pretrained(
        name, dtype=dtype, device=place, trust_remote_code=settings.trust_remote_code, **hf_options
    )
    if dtype in _COARSE or target.is_quantized:
        log.warning(
            "%s rounds coarsely: where two tokens are as likely, an output may differ from the one without drafts",
            "a quantised target" if target.is_quantized else dtype,
        )
    return target


def _own_dtype(name: str, device: str, settings: Settings) -> str:
    """float32 on a CPU, where it is exact; on a GPU what the model was made with."""
    import torch
    from transformers import AutoConfig

    if not (device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())):
        return "float32"
    with contextlib.suppress(OSError, ValueError, KeyError):  # Loading the model says what is wrong with it.
        config = AutoConfig.from_pretrained(name, trust_remote_code=settings.trust_remote_code)
        return str(config.dtype or "float32").removeprefix("torch.")
    return "float32"


def _tokenizer(name: str, settings: Settings) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=settings.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"The tokenizer of {name} could not be loaded: {str(error).strip().splitlines()[0][:160]}",
            hint="The model's folder must hold its tokenizer.json, too.",
        ) from error


def _require_same_vocabulary(tokens: TextTokenizer, target: Target) -> None:
    if tokens.vocabulary > target.vocab_size:
        raise ModelError(
            f"The tokenizer has {tokens.vocabulary} tokens, the model {target.name} only {target.vocab_size}.",
            hint="Use the tokenizer that the model was trained with.",
        )


def _tuning(folder: Path) -> Tuning:
    """What the target's folder says about its own biases; nothing for a model without that file."""
    file = folder / _TUNING_FILE
    if not file.is_file():
        return Tuning()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Tuning(**{key: float(found.get(key, 0.0)) for key in Tuning.__dataclass_fields__})
    except (ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{file} cannot be read: {error}", hint="It must be JSON with numbers.") from error


def evidence_finder(settings: Settings) -> FindEvidence:
    """Finds the evidence sentences of hits with the encoder that the settings name."""
    from retrieval.evidence import select_evidence
    from retrieval.sentences import SentenceCache

    found = encoder(settings)
    known = SentenceCache(found)

    def find(question: str, hits: Sequence[Hit], limit: int) -> Sequence[Evidence]:
        return select_evidence(question, hits, encoder=found, limit=limit, cache=known)

    return find


def encoder(settings: Settings) -> SentenceTransformerEncoder:
    """The encoder that the settings name; one object a name and device, whose model is loaded on first use."""
    from retrieval.files import DEFAULT_ENCODER

    wait_passively()
    if settings.device is not None:
        from decoding.placement import device_for

        device_for(settings.device)
    return _encoder(DEFAULT_ENCODER if settings.encoder == BUNDLED else settings.encoder, settings.device)


def _load_encoder(settings: Settings) -> None:
    """Load the encoder's model now, so that the first question does not pay for it."""
    with _without_progress_bars(is_local=settings.encoder == BUNDLED or Path(settings.encoder).is_dir()):
        encoder(settings).encode_queries([""])


@cache
def _encoder(name: str, device: str | None) -> SentenceTransformerEncoder:
    from retrieval.encoder import SentenceTransformerEncoder

    return SentenceTransformerEncoder(name, device=device)
