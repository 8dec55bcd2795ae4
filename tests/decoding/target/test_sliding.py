"""Sliding-window models verify trees past their window, because the cache keeps all tokens and the mask forgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target.loading import target_of
from tests.support.fakes import VOCABULARY, AlwaysWrong, Oracle

WINDOW = 12
SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "sliding_window": WINDOW,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
    "initializer_range": 0.4,
}
MODELS: dict[str, Callable[[], Any]] = {
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SHAPE)),
    "gemma2": lambda: Gemma2ForCausalLM(Gemma2Config(**SHAPE, head_dim=8)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SHAPE, head_dim=8)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SHAPE, use_sliding_window=True, max_window_layers=2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_drafts_change_nothing_past_the_window(name: str) -> None:
    torch.manual_seed(3)
    target = target_of(MODELS[name]().double().eval(), name=name)
    assert target.context_length == 256
    assert target.attention.window == WINDOW
    assert target.model.config.sliding_window == WINDOW
    phrase = (5, 9, 2, 33, 7, 41, 8)
    job = Request((*phrase, 17, 18, *phrase, 30, *phrase), 40)
    ids = torch.tensor([job.prompt])
    theirs = target.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, pad_token_id=0
    )
    expected = theirs[0, len(job.prompt) :].tolist()
    for sources in (
        list,
        lambda: make_sources(DEFAULT_SOURCES),
        lambda: [Oracle(expected, branches=2)],
        lambda: [AlwaysWrong(expected)],
    ):
        assert Engine(target, sources=sources, budget=Budget(limit=24)).generate(job).tokens == expected


def test_masks_that_a_model_ignores_leave_it_its_first_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fallback: where the self-check fails past the window, the context ends with the window."""
    monkeypatch.setattr("decoding.target.masks._SLIDING", "no layer is called so")
    target = target_of(MODELS["mistral"]().double().eval())
    assert target.context_length == WINDOW
    assert target.attention.window is None
