"""What a caller may ask of one generation, checked once: limits, sampling, stop strings.

Names are Hugging Face's. Nothing that is set is ignored: a sampling option without ``do_sample`` is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import InputError
from app.settings import Settings
from decoding.interfaces import Sampling
from decoding.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions:
    """Options of one call; None takes the setting's value."""

    k: int | None = None
    max_new_tokens: int | None = None
    speculate: bool | None = None
    do_sample: bool | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    stop_strings: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.stop_strings, str):
            raise InputError("stop_strings is one text.", hint="Give a list of texts.")
        for name in ("k", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} cannot be {value}.", hint=f"{name} must be at least 1.")

    def sampling(self, settings: Settings, target: Target) -> Sampling:
        """How tokens are chosen: this call, then the settings, then what the model recommends for sampling."""
        do_sample = settings.do_sample if self.do_sample is None else self.do_sample
        given = {name: getattr(self, name) for name in ("temperature", "top_k", "top_p", "seed")}
        given = {name: value for name, value in given.items() if value is not None}
        if not do_sample:
            if given:
                raise InputError(
                    f"{next(iter(given))} is set, but the best token is always taken.",
                    hint="Add do_sample=True (--do-sample), or leave it away.",
                )
            return Sampling()
        chosen = {name: getattr(target.generation_defaults, name) for name in ("temperature", "top_k", "top_p")}
        for name in (*chosen, "seed"):
            if settings.origin(name) != "default" or name == "seed":
                chosen[name] = getattr(settings, name)
        chosen.update(given)
        return Sampling(do_sample=True, **chosen)

    def limit(self, settings: Settings, target: Target) -> int:
        """Most tokens to write. Unless somebody set it, at least half of a short context is left to the prompt."""
        if self.max_new_tokens is not None:
            return self.max_new_tokens
        if settings.origin("max_new_tokens") != "default":
            return settings.max_new_tokens
        return min(settings.max_new_tokens, max(1, target.context_length // 2))
