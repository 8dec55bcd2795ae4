"""Who drafts: source names and models from settings, and whether a draft model suits a target. Loads nothing.

What was set is either used or refused with a remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from app.config.settings import BUNDLED, NONE, TINY, Settings
from app.errors import ModelError, SettingError, unknown
from app.generation.tokenizer import TextTokenizer
from app.loading.bundled import DRAFTERS, bundled_folder, has_weights
from app.model_store.choice import target_name
from decoding.sources.table import DEFAULT_SOURCES, SOURCES

CORPUS = "corpus"
BY_DEFAULT: frozenset[str] = frozenset()
"""The drafters that "auto" takes for the bundled target: those whose bundled model was measured to pay for itself."""

_SETTING_OF: Mapping[str, str] = MappingProxyType(
    {
        "draft-model": "draft_model",
        "draft-tree": "draft_model",
        "draft-chain": "draft_model",
        "heads": "heads",
        "heads-chain": "heads",
        "parallel": "parallel_model",
        "parallel-chain": "parallel_model",
        "layer-skip": "skipped_layers",
        "layer-skip-chain": "skipped_layers",
    }
)
"""What each source cannot draft without. The first source of a setting is the one that is used unless one is named."""
_SAMPLED = "speculative-sampling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafters:
    """What drafts beside copying, by settings: a model's name, folder or ``bundled``, None for none; layers."""

    draft_model: str | None = None
    heads: str | None = None
    parallel_model: str | None = None
    skipped_layers: tuple[int, ...] = ()

    @property
    def given(self) -> tuple[str, ...]:
        """The settings of those that are there."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name))


def drafters_of(settings: Settings) -> Drafters:
    """The drafters of a run, "auto" decided: the bundled ones of ``BY_DEFAULT`` where something would use them."""
    named = {key: _named(key, settings) for key in DRAFTERS}
    return Drafters(**named, skipped_layers=settings.skipped_layers)


def asked_for(settings: Settings) -> tuple[str, ...]:
    """The settings of drafters that somebody set: a name, a folder, layers; neither "auto" nor "none"."""
    return tuple(one.name for one in fields(Drafters) if getattr(settings, one.name) not in (None, NONE, ()))


def with_bundled(settings: Settings) -> Settings:
    """The same, but that "auto" takes every bundled drafter that is there: for benches."""
    auto = [key for key in DRAFTERS if getattr(settings, key) is None and _is_there(key, settings)]
    return settings.replace(**dict.fromkeys(auto, BUNDLED)) if auto else settings


def sources_of(key: str) -> tuple[str, ...]:
    """The sources that draft with what a setting names, the usual one first."""
    return tuple(source for source, setting in _SETTING_OF.items() if setting == key)


def is_drafter(source: str) -> bool:
    """Whether a source drafts with a model or with the target itself, and not by copying."""
    return source in _SETTING_OF


def setting_of(source: str) -> str | None:
    """The setting that names what a source drafts with, None for one that needs nothing."""
    return _SETTING_OF.get(source)


def flag(key: str) -> str:
    """A setting as one types it."""
    return "--" + key.replace("_", "-")


def source_names(settings: Settings) -> tuple[str, ...]:
    """The sources that a target is opened with. Raises UnknownNameError, SettingError.

    Unless they are named: the decoder's default ones, the corpus, and the drafters that are there; under speculative
    sampling the draft model alone, because no other draft was drawn from a distribution.
    """
    drafters = drafters_of(settings)
    if settings.criterion == _SAMPLED:
        return _sampled(settings, drafters)
    if settings.sources is None:
        return (*DEFAULT_SOURCES, CORPUS, *(sources_of(key)[0] for key in drafters.given))
    for name in settings.sources:
        if name not in SOURCES:
            raise unknown("draft source", name, SOURCES)
    used = {name: _SETTING_OF[name] for name in settings.sources if name in _SETTING_OF}
    for name, key in used.items():
        if key not in drafters.given:
            raise _lacks(f"the source {name}", key)
    for key in drafters.given:
        if key not in used.values():
            raise SettingError(
                f"{key} is set but none of the sources uses it: {', '.join(settings.sources)}",
                hint=f"add {sources_of(key)[0]} to --sources, or leave one of the two out",
            )
    return settings.sources


def require_same_tokenizer(name: str, draft: TextTokenizer, target: str, tokens: TextTokenizer) -> None:
    """Raise ModelError unless the drafter ``name`` gives every token the id that the target does."""
    if not tokens.has_vocabulary_of(draft):
        raise ModelError(
            f"the tokenizer of the draft model {name} is not that of {target}",
            hint="choose a smaller model of the target's own family: both must have one tokenizer",
        )


def _named(key: str, settings: Settings) -> str | None:
    value: str | None = getattr(settings, key)
    if value == NONE:
        return None
    if value is None and key in BY_DEFAULT and _has_use(key, settings) and _is_there(key, settings):
        return BUNDLED
    return value


def _has_use(key: str, settings: Settings) -> bool:
    """Whether anything would draft with it: what nobody named is not loaded in vain."""
    if settings.criterion == _SAMPLED:
        return key == "draft_model"
    return settings.speculate and (settings.sources is None or bool({*sources_of(key)} & {*settings.sources}))


def _is_there(key: str, settings: Settings) -> bool:
    return target_name(settings) == TINY and has_weights(bundled_folder(DRAFTERS[key]))


def _lacks(what: str, key: str) -> SettingError:
    thing = "skipped layers" if key not in DRAFTERS else key.replace("_", " ")
    return SettingError(f"{what} has no {thing}", hint=f"name one with {flag(key)}, or leave it out")


def _sampled(settings: Settings, drafters: Drafters) -> tuple[str, ...]:
    usual = sources_of("draft_model")[:1]
    if drafters.draft_model is None:
        raise _lacks(f"the criterion {_SAMPLED}", "draft_model")
    if settings.sources not in (None, usual):
        raise SettingError(f"the criterion {_SAMPLED} takes drafts of {usual[0]} alone", hint="leave --sources out")
    if others := [key for key in drafters.given if key != "draft_model"]:
        raise SettingError(
            f"the criterion {_SAMPLED} takes drafts of {usual[0]} alone", hint=f"leave {flag(others[0])} out"
        )
    return usual
