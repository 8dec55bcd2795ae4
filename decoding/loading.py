"""Loading a Hugging Face causal LM safely, and proving that trees verify exactly on it.

Knows transformers' configuration and files; knows nothing of sessions. V vocabulary.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import torch

from decoding.defaults import not_followed
from decoding.defaults import sampling as recommended
from decoding.errors import InvalidRequest, ModelNotFound, ModelTooLarge, UnsupportedModel
from decoding.interfaces import NO_ORIGIN, Draft, Sampling
from decoding.masks import FULL_ATTENTION, Attention
from decoding.tree import TokenTree

if TYPE_CHECKING:
    from decoding.target import Target

log = logging.getLogger(__name__)

_DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_CHECKED_WINDOW = 4
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.bfloat16: 0.25, torch.float16: 0.05}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's configuration says about how it may be used.

    ``attentions``: the ways in which its masks may be given, the best first; the self-check finds the first that holds.
    """

    vocab_size: int
    context_length: int
    eos_ids: frozenset[int]
    sampling: Sampling
    attentions: tuple[Attention, ...]


def load(name: str, *, dtype: str, device: str, trust_remote_code: bool, **hf_options: Any) -> Any:
    """Load ``name`` (a folder or a hub name) with safetensors weights only."""
    from transformers import AutoConfig, AutoModelForCausalLM

    if dtype not in _DTYPES:
        raise UnsupportedModel(f"dtype {dtype!r} is unknown", hint=f"Use one of {', '.join(_DTYPES)}.")
    place = device_for(device)
    path = str(Path(name).expanduser())
    looks_local = name.startswith((".", "~")) or Path(name).is_absolute() or len(Path(name).parts) > 2
    if looks_local and not Path(path).is_dir():
        raise ModelNotFound(f"There is no model folder at {name}.", hint="Check the path, or give a hub name.")
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    if not Path(path).is_dir() and not _hub_is_reachable():
        options["local_files_only"] = True  # Else a dozen retries go by before the same answer.
    try:
        config = AutoConfig.from_pretrained(path, **options)
    except Exception as error:  # whatever a folder of somebody's may hold
        raise _not_found(name, error) from error
    _refuse_unsupported(config, name)
    _refuse_too_large(Path(path), _DTYPES[dtype], place)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            path, dtype=_DTYPES[dtype], use_safetensors=True, **options, **hf_options
        )
    except Exception as error:  # a truncated file has its own exception in every library
        raise _not_found(name, error) from error
    return model if "device_map" in hf_options else torch.nn.Module.to(model, place)


def device_for(device: str) -> str:
    """The device that a setting means, ``auto`` the best there is. Raises InvalidRequest for one that is not here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidRequest(
            f"The device {device} cannot be used: {str(error).strip().splitlines()[0][:120]}",
            hint="Leave --device away, or give cpu, or cuda where there is an NVIDIA GPU and a CUDA build of PyTorch.",
        ) from error
    return device


def facts(model: Any) -> Facts:
    """Read vocabulary, context, end tokens and default sampling from a loaded model."""
    _refuse_unsupported(model.config, model.config.name_or_path or "the model")
    config = model.config.get_text_config()
    generation = model.generation_config
    ends = generation.eos_token_id if generation.eos_token_id is not None else config.eos_token_id
    end_ids = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    if ignored := not_followed(generation):
        log.warning("the model's generation_config asks for what is not followed here: %s", ignored)
    vocab_size = model.get_output_embeddings().weight.shape[0]
    return Facts(vocab_size, _context_length(config), frozenset(end_ids), recommended(generation), _attentions(config))


@torch.inference_mode()
def self_check(target: Target) -> None:
    """Compare a small tree with the same paths run one by one through the model's own cache.

    A sliding window is narrowed meanwhile, so that the tree reaches past it. Raises UnsupportedModel if any logit
    differs by more than rounding: a mask ignored, a cache not appended to, a position not taken as given.
    """
    try:
        with _narrow_window(target):
            _compare_tree(target)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError) as error:
        raise _unsupported(target.name, f"a tree forward failed: {str(error).splitlines()[0][:120]}") from error


def _compare_tree(target: Target) -> None:
    prompt = [token % target.vocab_size for token in (5, 11, 17, 23, 29, 31)]
    tree = TokenTree.of(prompt[-1])
    for chain in ((7, 8, 9), (7, 12), (13, 14)):
        ids = tuple(token % target.vocab_size for token in chain)
        tree.add("check", Draft(ids, (1.0,) * len(ids), (NO_ORIGIN,) * len(ids)), max_depth=3)
    cache = target.new_cache()
    target.prefill(prompt[:-1], cache)
    logits = target.verify(tree, cache)
    for node in range(len(tree)):
        path = [tree.tokens[at] for at in _path(tree, node)]
        ids_1T = torch.tensor([prompt[:-1] + path], device=target.device)
        expected_V = target.model(input_ids=ids_1T, use_cache=False).logits[0, -1].double().cpu().numpy()
        # Beside their own spread: the logits of a random model are tiny, and so is what an ignored mask changes.
        spread = float(expected_V.std()) or 1.0
        difference = float(abs(expected_V - logits.row(node)).max()) / spread
        if not difference <= _TOLERANCE.get(target.dtype, 0.25):
            raise _unsupported(target.name, f"tree and plain logits differ by {difference:.1e} of their size")


@contextlib.contextmanager
def _narrow_window(target: Target) -> Iterator[None]:
    config, attention = target.model.config.get_text_config(), target.attention
    if attention.window is None:
        yield
        return
    target.attention = replace(attention, window=_CHECKED_WINDOW)
    config.sliding_window = _CHECKED_WINDOW
    try:
        yield
    finally:
        target.attention = attention
        config.sliding_window = attention.window


def _path(tree: TokenTree, node: int) -> list[int]:
    nodes = []
    while node >= 0:
        nodes.append(node)
        node = tree.parents[node]
    return nodes[::-1]


def _context_length(config: Any) -> int:
    """Positions for which full attention over one fixed rotary table is what the model was made with."""
    limits = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions")]
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        limits.append(rope.get("original_max_position_embeddings"))
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    return min(known) if known else 2048


def _attentions(config: Any) -> tuple[Attention, ...]:
    """Masks by kind of layer, else one mask with the window for all layers; full attention where nothing slides."""
    window = getattr(config, "sliding_window", None)
    kinds = frozenset(getattr(config, "layer_types", None) or ())
    if not isinstance(window, int) or not getattr(config, "use_sliding_window", True):
        return (FULL_ATTENTION,)
    if kinds and "sliding_attention" not in kinds:
        return (FULL_ATTENTION,)
    one_mask = Attention(frozenset({"sliding_attention"}), window)
    # Inside the first window sliding attention is full attention.
    within = replace(FULL_ATTENTION, limit=window)
    return (Attention(kinds, window, by_kind=True), within) if kinds else (one_mask, within)


def _refuse_unsupported(config: Any, name: str) -> None:
    text = config.get_text_config()
    if config.is_encoder_decoder:
        raise _unsupported(name, "it is an encoder-decoder model")
    if config.model_type in _masked_model_types() and not getattr(text, "is_decoder", False):
        raise _unsupported(name, "it reads both ways (a masked LM)")
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    odd = sorted(kinds - {"full_attention", "sliding_attention", "attention"})
    if odd:
        raise _unsupported(name, f"it has layers of type {', '.join(odd)}")
    if "sliding_attention" in kinds and not isinstance(getattr(text, "sliding_window", None), int):
        raise _unsupported(name, "it has sliding-window layers of unknown width")


def _masked_model_types() -> frozenset[str]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return frozenset(MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def _refuse_too_large(folder: Path, dtype: torch.dtype, place: str) -> None:
    """Only a local folder tells its size before loading."""
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if not weights or not place.startswith("cpu"):
        return
    need_bytes = sum(_weight_count(file) for file in weights) * dtype.itemsize * 11 // 10
    free_bytes = free_memory_bytes()
    if need_bytes > free_bytes:
        raise ModelTooLarge(
            f"{folder.name} needs {need_bytes / 2**30:.1f} GiB in {dtype}, {free_bytes / 2**30:.1f} GiB are free.",
            hint="Choose a smaller model, --dtype bfloat16 (half of float32), or free some memory.",
        )


def free_memory_bytes() -> int:
    """Memory that a process may still take."""
    return int(psutil.virtual_memory().available)


def _hub_is_reachable() -> bool:
    """Whether the hub's name can be looked up at all; a lookup fails at once where there is no network."""
    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return not constants.HF_HUB_OFFLINE


def _weight_count(file: Path) -> int:
    """Weights that a safetensors file announces; 0 for a header that cannot be read, which loading then explains."""
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        try:
            header = json.loads(stream.read(min(size, 2**28)))
        except ValueError:
            return 0
    count = 0
    for key, entry in header.items():
        if key != "__metadata__":
            size = 1
            for extent in entry["shape"]:
                size *= extent
            count += size
    return count


def _not_found(name: str, error: Exception) -> ModelNotFound:
    reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
    return ModelNotFound(
        f"The model {name} could not be loaded: {reason}",
        hint="Give a folder with config.json and *.safetensors files, or a hub name while the network is there.",
    )


def _unsupported(name: str, why: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"{name} cannot be verified as a tree: {why}.",
        hint="Use a causal LM with full attention, such as Llama, Qwen3, GPT-2 or Phi-3.",
    )
