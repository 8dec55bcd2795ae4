"""Who drafts: source names from settings, and whether a draft model suits a target. Loads nothing.

What was set is either used or refused with a remedy.
"""

from __future__ import annotations

from app.errors import ModelError, SettingError, unknown
from app.settings import Settings
from app.tokens import TextTokenizer
from decoding.sources import DEFAULT_SOURCES, SOURCES

CORPUS = "corpus"
_WITH_MODEL = ("draft-model", "draft-tree", "draft-chain")
_SAMPLED = "speculative-sampling"


def source_names(settings: Settings) -> tuple[str, ...]:
    """The sources that a target is opened with. Raises UnknownNameError, SettingError.

    Unless they are named: the decoder's default ones, the corpus, and the draft model if there is one; under
    speculative sampling the draft model alone, because no other draft was drawn from a distribution.
    """
    if settings.criterion == _SAMPLED:
        return _sampled(settings)
    if settings.sources is None:
        return (*DEFAULT_SOURCES, CORPUS, *_WITH_MODEL[: settings.draft_model is not None])
    for name in settings.sources:
        if name not in SOURCES:
            raise unknown("draft source", name, SOURCES)
    with_model = [name for name in settings.sources if name in _WITH_MODEL]
    if with_model and settings.draft_model is None:
        raise SettingError(
            f"the source {with_model[0]} has no draft model", hint="name one with --draft-model, or leave it away"
        )
    if settings.draft_model is not None and not with_model:
        raise SettingError(
            f"draft_model is set but none of the sources uses it: {', '.join(settings.sources)}",
            hint=f"add {_WITH_MODEL[0]} to --sources, or leave one of the two away",
        )
    return settings.sources


def require_same_tokenizer(name: str, draft: TextTokenizer, target: str, tokens: TextTokenizer) -> None:
    """Raise ModelError unless the draft model ``name`` gives every token the id that the target does."""
    if not tokens.has_vocabulary_of(draft):
        raise ModelError(
            f"The tokenizer of the draft model {name} is not that of {target}.",
            hint="Choose a smaller model of the target's own family: both must have one tokenizer.",
        )


def _sampled(settings: Settings) -> tuple[str, ...]:
    if settings.draft_model is None:
        raise SettingError(f"the criterion {_SAMPLED} has no draft model", hint="name one with --draft-model")
    if settings.sources not in (None, _WITH_MODEL[:1]):
        raise SettingError(
            f"the criterion {_SAMPLED} takes drafts of {_WITH_MODEL[0]} alone", hint="leave --sources away"
        )
    return _WITH_MODEL[:1]
