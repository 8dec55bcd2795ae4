"""What a caller may ask of one generation, checked once: limits, sampling, penalties, forbidden texts, stop strings.

Names are Hugging Face's. Nothing that is set is ignored: a sampling option without ``do_sample`` is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from app.config.settings import Settings
from app.errors import InputError, SettingError, quoted, unknown_keyword
from decoding.interfaces import Sampling

if TYPE_CHECKING:
    from decoding.target.target import Target

_SAMPLING = ("temperature", "top_k", "top_p", "min_p")
_AS_SETTINGS = (
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "no_repeat_ngram_size",
    "min_new_tokens",
    "bad_words",
    "logit_bias",
    "criterion",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions:
    """Options of one call; None takes the setting's value. ``bad_words`` are texts, ``logit_bias`` is by token id.

    ``scope`` says whose earlier outputs may be drafted: those of calls with the same one. None: no one's, and this
    output is not kept for that either.
    """

    k: int | None = None
    max_new_tokens: int | None = None
    speculate: bool | None = None
    do_sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    seed: int | None = None
    repetition_penalty: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    no_repeat_ngram_size: int | None = None
    min_new_tokens: int | None = None
    bad_words: Sequence[str] | None = None
    logit_bias: Mapping[int, float] | None = None
    criterion: str | None = None
    stop_strings: Sequence[str] = ()
    scope: str | None = ""

    @classmethod
    def given(cls, call: str, options: Mapping[str, Any]) -> Self:
        """The keyword ``options`` of ``call``. Raises ArgumentError for one that there is not, and InputError."""
        known = [option.name for option in fields(cls)]
        for name in options:
            if name not in known:
                raise unknown_keyword(call, name, known)
        return cls(**options)

    def __post_init__(self) -> None:
        for name in ("stop_strings", "bad_words"):
            if isinstance(getattr(self, name), str):
                raise InputError(f"{name} is one text", hint="give a list of texts")
        for text in self.stop_strings:
            if not isinstance(text, str) or not text:
                raise InputError(
                    f"stop_strings holds {quoted(text)}, which cannot stop anything", hint="give texts, or leave it out"
                )
        for name in ("k", "max_new_tokens"):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise InputError(f"{name} cannot be {quoted(value)}", hint=f"{name} is a whole number")
            if value < 1:
                raise InputError(f"{name} cannot be {value}", hint=f"{name} must be at least 1")

    def over(self, settings: Settings) -> Settings:
        """The settings with what this call says about single tokens in their place. Raises InputError."""
        given = {name: value for name in _AS_SETTINGS if (value := getattr(self, name)) is not None}
        try:
            return settings.replace(**given) if given else settings
        except SettingError as error:
            raise InputError(error.cause, hint=error.hint) from error

    def sampling(self, settings: Settings, target: Target) -> Sampling:
        """How tokens are chosen: this call, then the settings, then what the model recommends for sampling."""
        do_sample = settings.do_sample if self.do_sample is None else self.do_sample
        given = {name: getattr(self, name) for name in (*_SAMPLING, "seed")}
        given = {name: value for name, value in given.items() if value is not None}
        if not do_sample:
            if given:
                raise InputError(
                    f"{next(iter(given))} is set, but the best token is always taken",
                    hint="add do_sample=True (--do-sample), or leave it out",
                )
            return Sampling()
        chosen = {name: getattr(target.generation_defaults, name) for name in _SAMPLING}
        for name in (*chosen, "seed"):
            if settings.origin(name) != "default" or name == "seed":
                chosen[name] = getattr(settings, name)
        chosen.update(given)
        return Sampling(do_sample=True, **chosen)

    def limit(self, settings: Settings, target: Target, *, usual: int | None = None) -> int:
        """Most tokens to write. Unless somebody set it, at most the ``usual`` number for what is written, and at least
        half of a short context is left to the prompt.
        """
        if self.max_new_tokens is not None:
            return self.max_new_tokens
        if settings.origin("max_new_tokens") != "default":
            return settings.max_new_tokens
        most = settings.max_new_tokens if usual is None else min(usual, settings.max_new_tokens)
        return min(most, max(1, target.context_length // 2))
