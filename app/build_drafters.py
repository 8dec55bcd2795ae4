"""What an engine's sources draft with, by settings: the draft model, heads, the parallel drafter, layers to leave out.

Each is checked against the target before anything is drafted. Everything heavy is imported where it is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.build_models import load_target, load_tokenizer, place_of, without_progress_bars
from app.drafts import PARTS, drafters_of, flag, require_same_tokenizer
from app.errors import ModelError
from app.settings import BUNDLED, Settings

if TYPE_CHECKING:
    from app.tokens import TextTokenizer
    from decoding.ahead import AheadHeads
    from decoding.sources.draft_model import DraftModel
    from decoding.sources.shared import Shared
    from decoding.target import Target


def shared_of(settings: Settings, target: Target, tokens: TextTokenizer) -> Shared:
    """What the sources of ``target`` share. Raises ModelError, MissingPartError and the decoder's errors."""
    from app.phrases import blend_state
    from decoding.sources.shared import Shared

    given = drafters_of(settings)
    shared = Shared(blend=blend_state(tokens.hf.backend_tokenizer))
    if given.draft_model is not None:
        shared.draft_model = _draft_model(given.draft_model, target, tokens, settings)
    if given.heads is not None:
        shared.heads = _heads(given.heads, target)
    return shared


def _draft_model(name: str, target: Target, tokens: TextTokenizer, settings: Settings) -> DraftModel:
    """Load the small model that drafts for ``target``; it must have the same tokens."""
    from decoding.sources.draft_model import DraftModel

    place = place_of(name, PARTS["draft_model"], option="--draft-model")
    with without_progress_bars(is_local=Path(place).is_dir()):
        model = load_target(place, settings)
        require_same_tokenizer(name, load_tokenizer(place, settings), settings.target, tokens)
        return DraftModel.of(model, target, tokens=tokens.vocabulary)


def _heads(name: str, target: Target) -> AheadHeads:
    from decoding.ahead import AheadHeads

    return AheadHeads.load(_folder("heads", name), target=target)


def _folder(key: str, name: str) -> Path:
    """The folder that a setting names. Raises ModelError where there is none."""
    place = Path(place_of(name, PARTS[key], option=flag(key))).expanduser()
    if not place.is_dir():
        raise ModelError(
            f"There is no folder {name} with {'heads' if key == 'heads' else 'a parallel drafter'}.",
            hint=f'Check the path of {flag(key)}, or say "{BUNDLED}".',
        )
    return place
