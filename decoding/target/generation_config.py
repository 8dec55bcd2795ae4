"""What a model's own generation_config asks for, in this package's terms, and what of it cannot be followed.

Knows Hugging Face's names; an unset field is None there. Imports nothing of transformers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from decoding.interfaces import Sampling
from decoding.processors.token_rules import TokenRules

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


def sampling(config: Any) -> Sampling:
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


def rules(config: Any) -> TokenRules:
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
