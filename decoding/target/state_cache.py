"""The cache of hybrid and recurrent models: transformers' own cache, with states that are restored after a forward.

One row only. A recurrent state cannot be cut at a token, so it is copied before each forward. If a chain is accepted in
part, the copy is restored, and the accepted tokens are read again together with the next chain: that costs some tokens
and no forward. Convolutions and attention are cropped instead. T tokens, K tokens with logits, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from decoding.errors import UnsupportedModel
from decoding.target.cache_argument import cache_argument
from decoding.target.placement import input_device

# At most so many tokens are read again with each chain; more get one forward of their own.
_READ_AGAIN: Final = 16
_REPLACED: Final = ("keys", "values")
# RecurrentGemma keeps these states in its modules: they are moved in and out, so that sessions do not share them.
_HELD_BY_MODULES: Final = ("conv1d_state", "recurrent_states")


@dataclass(frozen=True, slots=True)
class _LayerStates:
    """A layer's attributes; ``tokens`` says how many keys and values it had, if these are not among them."""

    attributes: Mapping[str, Any]
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Saved:
    """States before a forward: those of the layers, and those that the modules hold."""

    layers: tuple[_LayerStates, ...]
    held: tuple[Any, ...]


class StateCache:
    """What a model with recurrent states has read, for at most one session.

    ``resumes`` says whether the model can read more than one token at a time from a state on. Between a forward and the
    call that says what of it is committed, ``_saved`` has the states before it.
    """

    def __init__(self, model: Any, *, resumes: bool, rows: int = 1) -> None:
        assert rows in (0, 1), "a model with states takes one session at a time"
        self._lengths: list[int] = [0] * rows
        self._model = model
        self._resumes = resumes
        self._arguments = inspect.signature(model.forward).parameters
        self._held_by = [
            (module, name) for module in model.modules() for name in _HELD_BY_MODULES if name in vars(module)
        ]
        self._clear()

    def _clear(self) -> None:
        self._states: Any = DynamicCache(config=self._model.config)  # Its layers have no common type.
        self._held: tuple[Any, ...] = (None,) * len(self._held_by)
        self._again: tuple[int, ...] = ()  # Committed, but not in the states: read again before the next tokens.
        self._fresh: tuple[int, ...] = ()  # Read by the last forward; the first ``_done`` of them are committed.
        self._done = 0
        self._saved: _Saved | None = None
        self._crops = False

    @property
    def lengths(self) -> tuple[int, ...]:
        """Committed tokens of the row; empty where there is none."""
        return tuple(self._lengths)

    @property
    def length(self) -> int:
        """Committed tokens."""
        return self._lengths[0]

    @property
    def token_bytes(self) -> int:
        """Bytes that a token takes on average: states do not grow with the text."""
        tensors = [tensor for layer in self._states.layers for tensor in _tensors(vars(layer))]
        size = sum(tensor.numel() * tensor.element_size() for tensor in (*tensors, *_tensors(self._held)))
        return -(-size // max(1, self.length)) if self._lengths else 0

    @torch.inference_mode()
    def read(self, tokens: Sequence[int], *, logits_to_keep: int = 0) -> torch.Tensor:
        """(T, V) logits after each of ``tokens``, read after the committed ones, or the last ``logits_to_keep``."""
        self._put_back()
        if len(self._again) > _READ_AGAIN:
            self._saved = self._save()
            self._forward(self._again, start=self.length - len(self._again), logits_to_keep=1)
            if self._crops:
                self._states.crop(0)
            self._saved, self._again = None, ()
        self._saved, self._fresh = self._save(), tuple(tokens)
        everything, start = (*self._again, *tokens), self.length - len(self._again)
        return self._forward(everything, start=start, logits_to_keep=logits_to_keep or len(tokens))

    def append(self, tokens: int, *, row: int = 0) -> None:
        """Commit the first ``tokens`` that were read last; ``keep_rows`` commits those after them."""
        self._commit(tokens)
        if self._done == len(self._fresh):
            self._settle()

    def keep(self, base: int, path: Sequence[int]) -> None:
        """Commit the root of the chain read last and its nodes ``path``."""
        assert base == self.length, "the chain begins after the committed tokens"
        self.keep_rows([path])

    @torch.inference_mode()
    def keep_rows(self, paths: Sequence[Sequence[int] | None], *, first: int = 0) -> None:
        """The same, for the only row there is; None commits nothing."""
        assert first == 0
        for path in paths:
            assert list(path or ()) == list(range(1, 1 + len(path or ()))), "an accepted chain is its first nodes"
            self._commit(0 if path is None else 1 + len(path))
            self._settle()

    def _commit(self, tokens: int) -> None:
        self._done += tokens
        self._lengths[0] += tokens
        assert self._done <= len(self._fresh)

    def _settle(self) -> None:
        """Bring the states to the last committed token, or note what has to be read again for that."""
        rejected = len(self._fresh) - self._done
        if rejected and not self._crops:
            self._put_back()
            return
        if self._crops:
            self._states.crop(-rejected)
        self._saved, self._fresh, self._again, self._done = None, (), (), 0
        if not self._crops and self._states.is_croppable:
            self._states.activate_past_recording()  # Not before the prompt is read: nobody cuts into that.
            self._crops = True

    def reach(self, length: int, *, row: int = 0) -> int:
        """All that was read, or 0: a state cannot be cut. Also 0 if the model cannot read on from a state."""
        return self.length if self._resumes and self.length <= length else 0

    def rewind(self, length: int, *, row: int = 0) -> None:
        """Forget everything. Raises UnsupportedModel for a length in between."""
        if length == 0:
            self._clear()
            self._lengths[0] = 0
        elif length != self.length:
            raise UnsupportedModel(
                f"what a model with recurrent layers has read cannot be cut to {length} of {self.length} tokens",
                hint="use a model with attention layers only here, such as Llama, Qwen3 or GPT-2",
            )

    @torch.inference_mode()
    def add_row(self, source: StateCache, *, row: int = 0) -> int:
        """Copy what another cache of the same model holds. There may be one row only."""
        assert not self._lengths, "a model with states takes one session at a time"
        assert source._saved is None
        self._clear()
        self._restore(source._save(cut=False))
        self._again, self._crops = source._again, source._crops
        self._lengths.append(source.length)
        return 0

    def drop_row(self, row: int) -> None:
        """Remove the row."""
        assert row == 0
        self._lengths.pop()
        self._clear()

    def _forward(self, tokens: Sequence[int], *, start: int, logits_to_keep: int) -> torch.Tensor:
        """(K, V) logits after the last K tokens; the states then include all tokens."""
        if start and len(tokens) > 1 and not self._resumes:
            single = [self._forward([token], start=start + i, logits_to_keep=1) for i, token in enumerate(tokens)]
            return torch.cat(single[-logits_to_keep:])
        argument = cache_argument(self._model)
        if argument is None or "logits_to_keep" not in self._arguments:
            raise ValueError("its forward takes no cache that transformers' other models take")
        device = input_device(self._model)
        options: dict[str, Any] = {argument: self._states, "logits_to_keep": logits_to_keep}
        if "position_ids" in self._arguments:
            options["position_ids"] = torch.arange(start, start + len(tokens), device=device)[None]
        self._hand_to_modules(self._held)
        output = self._model(input_ids=torch.tensor([[*tokens]], device=device), use_cache=True, **options)
        self._held = tuple(getattr(module, name) for module, name in self._held_by)
        logits = output.logits
        assert isinstance(logits, torch.Tensor)
        return logits[0]

    def _hand_to_modules(self, values: Sequence[Any]) -> None:
        for (module, name), value in zip(self._held_by, values, strict=True):
            setattr(module, name, value)

    def _put_back(self) -> None:
        """Undo the last forward; the tokens of it that were committed have to be read again."""
        if self._saved is not None:
            self._restore(self._saved)
            self._again += self._fresh[: self._done]
        self._saved, self._fresh, self._done = None, (), 0

    def _save(self, *, cut: bool = True) -> _Saved:
        return _Saved(
            tuple(_layer_states(layer, cut=cut) for layer in self._states.layers), tuple(map(_copied, self._held))
        )

    def _restore(self, saved: _Saved) -> None:
        for layer, states in zip(self._states.layers, saved.layers, strict=True):
            vars(layer).update(states.attributes)
            if states.tokens is not None:
                layer.keys, layer.values = layer.keys[..., : states.tokens, :], layer.values[..., : states.tokens, :]
        self._held = saved.held


def _layer_states(layer: Any, *, cut: bool) -> _LayerStates:
    """A layer's attributes, copied where a forward writes into them.

    Keys and values are never written into, only replaced by longer ones. Where a layer keeps all of them, their number
    is enough to cut back to (``cut``), and the old ones need not stay in memory.
    """
    attributes = {name: _copied(value) for name, value in vars(layer).items() if name not in _REPLACED}
    keeps_all = isinstance(layer, DynamicLayer) and not isinstance(layer, DynamicSlidingWindowLayer)
    if cut and keeps_all and layer.keys is not None and layer.keys.numel():
        return _LayerStates(attributes, layer.keys.shape[-2])
    return _LayerStates(attributes | {name: value for name, value in vars(layer).items() if name in _REPLACED})


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return {key: _copied(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _tensors(values: Any) -> list[torch.Tensor]:
    """All tensors in ``values``, which may be a tensor or nest them."""
    if isinstance(values, torch.Tensor):
        return [values]
    inner = values.values() if isinstance(values, Mapping) else values if isinstance(values, (list, tuple)) else ()
    return [tensor for nested in inner for tensor in _tensors(nested)]
