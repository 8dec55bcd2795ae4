"""What a loaded model's configuration says about how it may be used, and which models are refused for it.

Also what its own generation_config asks for, in this package's terms, and what of it cannot be followed; an unset field
is None there. Knows the names of Hugging Face's configurations; runs no model.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from decoding.errors import UnsupportedModel
from decoding.interfaces import Sampling
from decoding.processors.token_rules import TokenRules
from decoding.target.masks import FULL_ATTENTION, Attention

log = logging.getLogger(__name__)

_ATTENTION_KINDS: Final = frozenset({"full_attention", "sliding_attention", "attention"})
# Layers that read tokens one after the other, or forget by blocks: transformers' own cache handles them.
_STATE_KINDS: Final = frozenset({"linear_attention", "conv", "hybrid", "hybrid_sliding", "mamba", "chunked_attention"})
# Windows that some models count in slots of the layout, not in positions, which differ from slots in a tree.
_FIXED_WINDOWS: Final = ("window_size", "keep_window_size", "index_topk_blocks")
_NO_CACHE_KINDS: Final = frozenset({"moe", "mlp"})

_HF_TOP_K = 50  # What generate() takes where a generation_config with do_sample names none.
# Fields that change what is generated and are not followed here, with the values that change nothing.
_NOT_FOLLOWED: dict[str, tuple[object, ...]] = {
    "num_beams": (None, 1),
    "guidance_scale": (None, 1),
    "penalty_alpha": (None, 0),
    "typical_p": (None, 1),
    "epsilon_cutoff": (None, 0),
    "eta_cutoff": (None, 0),
    "top_h": (None,),
    "min_length": (None, 0),
    "sequence_bias": (None,),
    "begin_suppress_tokens": (None, []),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "exponential_decay_length_penalty": (None,),
    "stop_strings": (None, []),
    "watermarking_config": (None,),
    "dola_layers": (None,),
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model's configuration says about how it may be used.

    ``attentions``: candidates for the masks of trees, the best first; the self-check finds the first that is right.
    Empty for a model with other layers than attention, or with windows that cannot be masked: ``no_trees`` says which.
    """

    vocab_size: int
    context_length: int
    eos_ids: frozenset[int]
    sampling: Sampling
    attentions: tuple[Attention, ...]
    no_trees: str = ""


def read_facts(model: Any) -> ModelFacts:
    """Read vocabulary, context, end tokens and default sampling from a loaded model."""
    refuse_unsupported(model.config, model.config.name_or_path or "the model")
    config = model.config.get_text_config()
    generation = model.generation_config
    ends = generation.eos_token_id if generation.eos_token_id is not None else config.eos_token_id
    end_ids = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    if ignored := not_followed(generation):
        log.warning("the model's generation_config asks for what is not followed here: %s", ignored)
    head = model.get_output_embeddings()
    vocab_size = getattr(head, "out_features", None) or head.weight.shape[0]  # Quantised weights have other shapes.
    no_trees = _no_trees(config)
    return ModelFacts(
        vocab_size,
        _context_length(config),
        frozenset(end_ids),
        recommended_sampling(generation),
        () if no_trees else _attentions(config),
        no_trees,
    )


def _context_length(config: Any) -> int:
    """Up to how many positions the model was made for full attention over one fixed rotary table."""
    limits = [getattr(config, key, None) for key in ("max_position_embeddings", "n_positions")]
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        limits.append(rope.get("original_max_position_embeddings"))
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    return min(known) if known else 2048


def _no_trees(config: Any) -> str:
    """Why no mask makes such a model see a tree; empty if one may."""
    states = sorted({*(getattr(config, "layer_types", None) or ())} & _STATE_KINDS)
    if states:
        return f"it has layers that do not attend to single tokens ({', '.join(states)})"
    fixed = {name: getattr(config, name, None) for name in _FIXED_WINDOWS}
    for name, size in fixed.items():
        if isinstance(size, int) and size < _context_length(config):
            return f"it counts a window of its own by place, not by position ({name} {size})"
    return ""


def _attentions(config: Any) -> tuple[Attention, ...]:
    """Masks by kind of layer, or one mask with the window for all layers; full attention where no layer slides."""
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


def refuse_unsupported(config: Any, name: str) -> None:
    """Raise UnsupportedModel for a model that no capability could be proven for."""
    text = config.get_text_config()
    if config.is_encoder_decoder:
        raise unsupported(name, "it is an encoder-decoder model")
    if config.model_type in _masked_model_types() and not getattr(text, "is_decoder", False):
        raise unsupported(name, "it is a bidirectional (masked) language model")
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    odd = sorted(kinds - _ATTENTION_KINDS - _STATE_KINDS - _NO_CACHE_KINDS)
    if odd:
        raise unsupported(name, f"it has layers of type {', '.join(odd)}")
    if "sliding_attention" in kinds and not isinstance(getattr(text, "sliding_window", None), int):
        raise unsupported(name, "it has sliding-window layers of unknown width")


def _masked_model_types() -> frozenset[str]:
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return frozenset(MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def unsupported(name: str, why: str) -> UnsupportedModel:
    """The error for a model that cannot be decoded exactly."""
    return UnsupportedModel(
        f"{name} cannot be verified exactly: {why}",
        hint="use a causal LM with full attention, such as Llama, Qwen3, GPT-2 or Phi-3",
    )


def recommended_sampling(config: Any) -> Sampling:
    """How to sample, where the model's makers say so; greedy where they do not ask for sampling."""
    if not config.do_sample:
        return Sampling()
    return Sampling(
        do_sample=True,
        temperature=config.temperature if config.temperature is not None else 1.0,
        top_k=config.top_k if config.top_k is not None else _HF_TOP_K,
        top_p=config.top_p if config.top_p is not None else 1.0,
        min_p=config.min_p if config.min_p is not None else 0.0,
    )


def recommended_rules(config: Any) -> TokenRules:
    """Penalties and forbidden tokens, which ``generate`` applies to greedy and to sampled output alike."""
    return TokenRules(
        logit_bias=tuple((int(token), -np.inf) for token in config.suppress_tokens or ()),
        repetition_penalty=config.repetition_penalty if config.repetition_penalty is not None else 1.0,
        no_repeat_ngram_size=config.no_repeat_ngram_size or 0,
        bad_words_ids=tuple(tuple(int(token) for token in word) for word in config.bad_words_ids or ()),
        min_new_tokens=config.min_new_tokens or 0,
    )


def not_followed(config: Any) -> dict[str, object]:
    """Fields, with their values, that would change ``generate``'s output and change nothing here."""
    values = {name: getattr(config, name, None) for name in _NOT_FOLLOWED}
    return {name: value for name, value in values.items() if value not in _NOT_FOLLOWED[name]}
