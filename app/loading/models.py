"""Loads models and tokenizers by what settings call them: the target, and the models that draft for it.

Everything heavy is imported where it is made, so that importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from app.config.settings import AUTO, BUNDLED, NONE, SMOLLM2, TINY, Settings
from app.errors import MissingPartError, ModelError, nearest, unknown
from app.loading.bundled import DRAFT_MODEL, HEADS, PARALLEL, TARGET, bundled_folder, has_weights
from app.model_store.choice import convert_again, is_file, require_smollm2, stored_path
from corpora.counts import count

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer
    from decoding.target.target import Target

log = logging.getLogger(__name__)

_PARTS = {DRAFT_MODEL: "draft model", HEADS: "set of heads", PARALLEL: "parallel drafter"}
_COARSE = ("bfloat16", "float16")
_WORTH_INT8 = 30_000_000
_QUANTIZATIONS = {"4bit": {"load_in_4bit": True}, "8bit": {"load_in_8bit": True}}


def model_path(name: str, part: str = TARGET, *, option: str = "--target") -> str:
    """What to load for a name: the folder of the bundled ``part``, or the name itself.

    ``option`` is what one types to name another. Raises MissingPartError, UnknownNameError.
    """
    own = TINY if part == TARGET else BUNDLED
    if name != own:
        known = [own, SMOLLM2, AUTO] if part == TARGET else [own]
        if not Path(name).exists() and name not in known and nearest(name, known):
            raise unknown("model", name, known)
        return name
    folder = bundled_folder(part)
    if not has_weights(folder):
        raise MissingPartError(
            f"the bundled {_PARTS.get(part, part)} has no weights in this installation",
            hint=f"install a release, or name another with {option}",
        )
    return str(folder)


def target_path(settings: Settings) -> str:
    """The folder or the name on the hub of a settled target. Raises as ``model_path`` does."""
    stored = stored_path(settings.target, settings.home)
    return str(stored) if stored is not None else model_path(settings.target)


def require_target(settings: Settings) -> None:
    """Raise what loading the target would, as far as a glance at the disk can tell."""
    from decoding.errors import ModelNotFound

    name = settings.target
    path = Path(target_path(settings)).expanduser()
    if is_file(name) and not path.is_file():
        raise ModelNotFound(f"there is no file {name}", hint="check the path of --target")
    if name == SMOLLM2:
        require_smollm2(settings)
    if name in (AUTO, SMOLLM2) or is_file(name):
        return
    is_path = name.startswith((".", "~")) or path.is_absolute() or len(path.parts) > 2
    if is_path and not path.is_dir():
        raise ModelNotFound(f"there is no model folder at {name}", hint="check the path, or give a hub name")


@contextlib.contextmanager
def as_shipped(name: str, *, stored: bool = False, options: Collection[str] = ()) -> Iterator[None]:
    """While a model is loaded that settings call ``name``: if it is bundled, or ``stored`` by us, what is damaged was
    not made by the user. Raises ModelError then, with the remedy of such files; with ``options`` of the user's own it
    is these that are doubted first.
    """
    from decoding.errors import ModelNotFound

    try:
        yield
    except (ModelNotFound, ModelError) as error:
        if options and (name in (BUNDLED, TINY) or stored):
            raise ModelError(error.cause, hint=f"try it without {', '.join(sorted(options))}") from error
        if name in (BUNDLED, TINY):
            raise ModelError(error.cause, hint="install Spandraft again") from error
        if stored:
            raise ModelError(error.cause, hint=convert_again(name)) from error
        raise


@contextlib.contextmanager
def without_progress_bars(*, is_local: bool) -> Iterator[None]:
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


def load_target(name: str, settings: Settings, **hf_options: Any) -> Target:
    """A causal LM by folder or name on the hub. Raises the decoder's errors."""
    from decoding.target import loading

    dtype = choose_dtype(name, settings, hf_options).name
    target = loading.load_target(
        name,
        dtype=dtype,
        device=settings.device or "auto",
        trust_remote_code=settings.trust_remote_code,
        **hf_options,
    )
    if dtype in _COARSE or (target.is_quantized and not target.is_exact):
        log.warning(
            "%s rounds coarsely: where two tokens are as likely, an output may differ from the one without drafts",
            dtype if dtype in _COARSE else "a quantised target",
        )
    return target


@dataclass(frozen=True, slots=True)
class ChosenDtype:
    """A number format for a target, as ``load_target`` takes it, and why it was chosen."""

    name: str
    reason: str


def dtype_of(name: str, settings: Settings) -> str:
    """The number format that a model is loaded in."""
    return choose_dtype(name, settings).name


def choose_dtype(name: str, settings: Settings, hf_options: Mapping[str, Any] = MappingProxyType({})) -> ChosenDtype:
    """What the settings say; else what is fastest and exact on a CPU, and on a GPU what the model was made with.

    ``hf_options`` load it beside what the settings say of ``device_map`` and ``quantization_config``.
    """
    import torch
    from transformers import AutoConfig

    if settings.dtype is not None:
        return ChosenDtype(settings.dtype, "as set")
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=settings.trust_remote_code)
    except (OSError, ValueError, KeyError):  # Loading the model says what is wrong with it.
        return ChosenDtype("float32", "the model's configuration cannot be read")
    device = settings.device or "auto"
    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return ChosenDtype(str(config.dtype or "float32").removeprefix("torch."), "the model's own")
    if (hf_options.keys() | loading_options(settings).keys()) & {"device_map", "quantization_config"}:
        return ChosenDtype("float32", "device_map and quantization_config load the model as they know it")
    if getattr(config, "quantization_config", None) is not None:
        return ChosenDtype("float32", "the model's weights are quantised already")
    if device != "auto" and not device.startswith("cpu"):
        return ChosenDtype("float32", f"the usual one on {device}")
    return _on_cpu(config.get_text_config())


def _on_cpu(config: Any) -> ChosenDtype:
    from decoding.target.attention import why_no_machine_code
    from decoding.target.quantized import has_int8, why_not_exact

    if _block_weights(config) < _WORTH_INT8:
        return ChosenDtype("float32", "the model is so small that its weights stay in the processor's caches")
    if not has_int8():
        return ChosenDtype("float32", "this processor has no dot products of bytes (VNNI), so int8 would be slow")
    if which := why_not_exact(config):
        return ChosenDtype("float32", f"int8 is not known to be exact for {which}")
    if reason := why_no_machine_code():  # Last, as it takes longest to find out.
        return ChosenDtype("float32", f"int8 needs machine code, and {reason}")
    return ChosenDtype("int8", "the fastest on this processor, and exact whatever is drafted")


def _block_weights(config: Any) -> int:
    """About how many weights the blocks of a model have."""
    size, layers = getattr(config, "hidden_size", None) or 0, getattr(config, "num_hidden_layers", None) or 0
    return 12 * layers * size * size


def load_tokenizer(name: str, settings: Settings) -> TextTokenizer:
    """The tokenizer of a model. Raises ModelError."""
    from transformers import AutoTokenizer

    from app.generation.tokenizer import TextTokenizer

    try:
        return TextTokenizer(AutoTokenizer.from_pretrained(name, trust_remote_code=settings.trust_remote_code))
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"the tokenizer of {name} could not be loaded: {str(error).strip().splitlines()[0][:160]}",
            hint="the model's folder must hold its tokenizer.json, too",
        ) from error


def require_same_vocabulary(tokens: TextTokenizer, target: Target) -> None:
    """Raise ModelError if the tokenizer writes ids that the model does not have."""
    if tokens.vocabulary > target.vocab_size:
        raise ModelError(
            f"the tokenizer has {count(tokens.vocabulary, 'token')}, the model {target.name} only {target.vocab_size}",
            hint="use the tokenizer that the model was trained with",
        )


def loading_options(settings: Settings) -> dict[str, Any]:
    """``device_map`` and ``quantization_config``, as far as they are set."""
    options: dict[str, Any] = {}
    if settings.device_map != NONE:
        options["device_map"] = _table(settings.device_map)
    if settings.quantization_config != NONE:
        named = _QUANTIZATIONS.get(settings.quantization_config)
        options["quantization_config"] = named or _table(settings.quantization_config)
    return options


def _table(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text
