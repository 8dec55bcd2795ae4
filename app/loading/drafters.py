"""What an engine's sources draft with, by settings: the draft model, heads, the parallel drafter, layers to leave out.

Each is checked against the target before anything is drafted. Everything heavy is imported where it is made.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from app.config.settings import BUNDLED, Settings
from app.errors import ModelError
from app.loading.bundled import DRAFTERS
from app.loading.models import as_shipped, dtype_of, load_target, load_tokenizer, model_path, without_progress_bars
from app.loading.sources import drafters_of, flag, require_same_tokenizer

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer
    from decoding.drafters.medusa_heads import MedusaHeads
    from decoding.drafters.parallel_model import ParallelModel
    from decoding.sources.neural.draft_model import DraftModel
    from decoding.sources.shared import Shared
    from decoding.target.target import Target


def shared_of(settings: Settings, target: Target, tokens: TextTokenizer) -> Shared:
    """What the sources of ``target`` share. Raises ModelError, MissingPartError and the decoder's errors."""
    from app.phrases.table import blend_state
    from decoding.sources.shared import Shared

    shared = Shared(blend=blend_state(tokens.hf.backend_tokenizer, folder=settings.home / "phrases"))
    add_drafters(shared, settings, target, tokens)
    return shared


def add_drafters(shared: Shared, settings: Settings, target: Target, tokens: TextTokenizer) -> None:
    """Load what drafts for ``target`` into ``shared``. Raises as ``shared_of`` does."""
    given = drafters_of(settings)
    if given.draft_model is not None:
        shared.draft_model = _draft_model(given.draft_model, target, tokens, settings)
    if given.heads is not None:
        shared.heads = _heads(given.heads, target)
    if given.parallel_model is not None:
        shared.parallel = _parallel(given.parallel_model, target, tokens, settings)
    if given.skipped_layers:
        shared.layer_skip = _without_layers(target, given.skipped_layers)


def _draft_model(name: str, target: Target, tokens: TextTokenizer, settings: Settings) -> DraftModel:
    """Load the small model that drafts for ``target``; it must have the same tokens."""
    from decoding.sources.neural.draft_model import DraftModel

    path = model_path(name, DRAFTERS["draft_model"], option="--draft-model")
    with without_progress_bars(is_local=Path(path).is_dir()):
        with as_shipped(name):
            model, own = load_target(path, settings), load_tokenizer(path, settings)
        require_same_tokenizer(name, own, settings.target, tokens)
        return DraftModel.of(model, target, tokens=tokens.vocabulary)


def _heads(name: str, target: Target) -> MedusaHeads:
    from decoding.drafters.medusa_heads import MedusaHeads

    folder = _folder("heads", name)
    with as_shipped(name):
        return MedusaHeads.load(folder, target=target)


def _parallel(name: str, target: Target, tokens: TextTokenizer, settings: Settings) -> ParallelModel:
    """The parallel drafter of a folder; but for its masks it must have the target's tokens."""
    from decoding.drafters.parallel_model import ParallelModel

    path = _folder("parallel_model", name)
    with as_shipped(name):
        own = load_tokenizer(str(path), settings)
    require_same_tokenizer(name, own, settings.target, tokens)
    with as_shipped(name), without_progress_bars(is_local=True):
        return ParallelModel.load(
            path,
            target=target,
            dtype=dtype_of(str(path), settings),
            device=settings.device or "auto",
            trust_remote_code=settings.trust_remote_code,
        )


def _without_layers(target: Target, layers: Collection[int]) -> DraftModel:
    from decoding.drafters.layer_skip import skipping
    from decoding.sources.neural.draft_model import DraftModel

    return DraftModel.of(skipping(target, layers), target)


def _folder(key: str, name: str) -> Path:
    """The folder that a setting names. Raises ModelError where there is none."""
    path = Path(model_path(name, DRAFTERS[key], option=flag(key))).expanduser()
    if not path.is_dir():
        raise ModelError(
            f"there is no folder {name} with {'heads' if key == 'heads' else 'a parallel drafter'}",
            hint=f'check the path of {flag(key)}, or say "{BUNDLED}"',
        )
    return path
