"""Hugging Face's own generation on our target, for comparison: greedy, with its prompt lookup, with a draft model.

Our processors run as its logits processors, so that all methods write the same output. What runs is the model as
transformers loads it, with its own attention function: where ours has quantised layers, or another precision is asked
for, a second copy of it.

Shapes: B batch (1), V vocabulary.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import (
    AutoModelForCausalLM,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from app.bench.workload.traces import Forced
from decoding.interfaces import Processor, Request
from decoding.target.attention import NAME
from decoding.target.target import Target

NGRAM, LOOKUP_TOKENS = 2, 10
# A model that brings its own code is a module of the second.
_PLAIN_MODULES = ("torch.", "transformers.", "transformers_modules.")
_NO_RULES: tuple[tuple[str, Any], ...] = (
    ("repetition_penalty", 1.0),
    ("no_repeat_ngram_size", 0),
    ("min_new_tokens", 0),
    ("suppress_tokens", []),
)


class Loaded(Protocol):
    """A model that can be asked: a target, or a plain copy of one."""

    @property
    def model(self) -> Any:
        """A transformers causal LM."""
        ...

    @property
    def device(self) -> torch.device:
        """Where input ids go."""
        ...


@dataclass(frozen=True, slots=True)
class PlainModel:
    """A model as transformers loads it."""

    model: Any
    device: torch.device


class NotLoaded(Exception):
    """transformers has no copy of the target to run; its text says why."""


def plain(target: Target, precision: str, *, folder: Path | None) -> Loaded:
    """The target's model as transformers runs it in a precision: itself if it can be, else a copy. Raises NotLoaded."""
    if precision == target.precision and _is_as_loaded(target.model):
        return target
    if folder is None:
        raise NotLoaded(f"random weights stand in no folder that it could load in {precision}")
    models: Any = AutoModelForCausalLM  # Its functions have no types.
    options = {"dtype": getattr(torch, precision), "use_safetensors": True, "trust_remote_code": False}
    try:
        model = models.from_pretrained(str(folder), **options)
    except Exception as error:  # whatever a folder of somebody's may hold
        said = str(error).strip().splitlines()
        reason = said[0][:160] if said else type(error).__name__
        raise NotLoaded(f"transformers could not load a copy in {precision}: {reason}") from error
    return PlainModel(model.to(target.device).eval(), target.device)


def _is_as_loaded(model: Any) -> bool:
    """But for its attention function, which is set back for each generation."""
    return all(type(module).__module__.startswith(_PLAIN_MODULES) for module in model.modules())


@contextmanager
def _its_attention(*models: Any) -> Iterator[None]:
    """Let models attend as transformers has it while the context lasts."""
    ours = [model for model in models if model.config._attn_implementation == NAME]
    for model in ours:
        model.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        for model in ours:
            model.set_attn_implementation(NAME)


@dataclass(slots=True)
class Forwards:
    """The target's forwards of one generation: when the first was done (``time.perf_counter``), and how many rows of
    the last one no processor has seen yet.
    """

    first_at: float = 0.0
    rows_left: int = 0


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """``model.generate`` of an unmodified model; ``draft`` is a smaller one with the same tokens."""

    target: Loaded
    draft: Target | None = None
    forwards: Forwards = field(default_factory=Forwards)

    def greedy(self, request: Request) -> list[int]:
        """One token a forward."""
        return self._generate(request)

    def prompt_lookup(self, request: Request) -> list[int]:
        """Its prompt lookup; n-grams of at most 2, 10 tokens a draft."""
        return self._generate(request, prompt_lookup_num_tokens=LOOKUP_TOKENS, max_matching_ngram_size=NGRAM)

    def assisted(self, request: Request) -> list[int]:
        """Its assisted generation with a draft model and default options: the length of drafts adapts itself."""
        assert self.draft is not None
        return self._generate(request, assistant_model=self.draft.model)

    def _generate(self, request: Request, **options: Any) -> list[int]:
        ids = torch.tensor([request.prompt], device=self.target.device)
        processors = LogitsProcessorList(
            [self._adapter(processor, len(request.prompt)) for processor in request.processors]
        )
        ends = sorted(request.eos_ids) or None
        stop = _Stop(request)
        models = [self.target.model, *([self.draft.model] if self.draft is not None else [])]
        with torch.inference_mode(), _its_attention(*models), self._watched():
            output = self.target.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=request.max_new_tokens,
                do_sample=False,
                eos_token_id=ends,
                pad_token_id=ends[0] if ends else 0,
                logits_processor=processors,
                stopping_criteria=StoppingCriteriaList([stop] if request.stop is not None else []),
                **self._without_own_rules(),
                **options,
            )
        tokens: list[int] = output[0, len(request.prompt) :].tolist()
        return tokens[: stop.at]

    def _without_own_rules(self) -> dict[str, Any]:
        """Options that switch off the model's generation_config: requests carry it as processors, once is enough."""
        config = self.target.model.generation_config
        return {name: value for name, value in _NO_RULES if getattr(config, name, None) not in (None, value)}

    def _adapter(self, processor: Processor, prompt_length: int) -> LogitsProcessor:
        adapter = _Adapter(processor, prompt_length)
        return _TargetOnly(adapter, self.forwards) if isinstance(processor, Forced) else adapter

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Record each forward of the target in ``forwards``."""
        forwards = self.forwards
        forwards.first_at, forwards.rows_left = 0.0, 0

        def done(_module: torch.nn.Module, _inputs: object, output: Any) -> None:
            forwards.first_at = forwards.first_at or time.perf_counter()
            forwards.rows_left = int(output.logits.shape[1])

        hook = self.target.model.register_forward_hook(done)
        try:
            yield
        finally:
            hook.remove()


class _Adapter(LogitsProcessor):
    """One of our processors as a transformers one. It keeps the states along the output, so a call costs one step."""

    def __init__(self, processor: Processor, prompt_length: int) -> None:
        self._processor = processor
        self._prompt_length = prompt_length
        self._tokens: list[int] = []
        self._states = [processor.start()]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """(B, tokens so far) ids and (B, V) scores, B = 1."""
        output: list[int] = input_ids[0, self._prompt_length :].tolist()
        shared = 0
        while shared < min(len(output), len(self._tokens)) and output[shared] == self._tokens[shared]:
            shared += 1
        del self._tokens[shared:], self._states[shared + 1 :]
        for token in output[shared:]:
            self._tokens.append(token)
            self._states.append(self._processor.advance(self._states[-1], token))
        logits_V = scores[0].float().cpu().numpy().copy()
        self._processor.apply(self._states[-1], logits_V)
        processed = torch.from_numpy(logits_V)[None].to(scores.device, scores.dtype)
        assert isinstance(processed, torch.Tensor)
        return processed  # type: ignore[return-value]  # transformers names a legacy tensor type


class _Stop(StoppingCriteria):
    """The stop condition of a request. ``at``: how many tokens were written when it was met; drafts may go beyond."""

    def __init__(self, request: Request) -> None:
        self._prompt_length = len(request.prompt)
        self._is_met = request.stop() if request.stop is not None else lambda _token: False
        self._seen = 0
        self.at: int | None = None

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor | None, **_options: object
    ) -> torch.BoolTensor:
        """(B, tokens so far) ids, B = 1."""
        if self.at is None:
            for token in input_ids[0, self._prompt_length + self._seen :].tolist():
                self._seen += 1
                if self._is_met(token):
                    self.at = self._seen
                    break
        met: Any = torch.full((1,), self.at is not None, dtype=torch.bool, device=input_ids.device)
        return met  # type: ignore[no-any-return]  # transformers names a legacy tensor type


class _TargetOnly(LogitsProcessor):
    """Applies to the target's own rows alone.

    transformers asks the processors about its drafts, too, to drop what they forbid, and hands them to the draft model.
    A forced choice would tell both which token comes next: each row of the target's forward is one call, no other is.
    """

    def __init__(self, adapter: _Adapter, forwards: Forwards) -> None:
        self._adapter = adapter
        self._forwards = forwards

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """(B, tokens so far) ids and (B, V) scores, B = 1."""
        if not self._forwards.rows_left:
            return scores
        self._forwards.rows_left -= 1
        return self._adapter(input_ids, scores)
