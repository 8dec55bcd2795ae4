"""The self-check tells rounding from mistakes: models keep their trees, faults in one place do not pass."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import UnsupportedModel
from decoding.sources.base import DraftSource
from decoding.target.capability import Capability
from decoding.target.loading import load_target, target_of
from decoding.target.quantized import has_int8
from decoding.target.rounding import Evidence
from decoding.target.selfcheck import self_check
from decoding.target.target import Target
from tests.support.fakes import tiny_model
from tests.support.forward_faults import FAULTS, HIDDEN, SEEN, UNMOVED, spoil
from tests.support.state_models import state_model

PRECISIONS = ("float32", "bfloat16", "float16", *(("int8",) if has_int8() else ()))
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
# At this width and depth half precision rounds as it does in real models.
WIDE: dict[str, Any] = {
    "vocab_size": 384,
    "hidden_size": 1024,
    "intermediate_size": 1536,
    "num_hidden_layers": 4,
    "num_attention_heads": 16,
    "num_key_value_heads": 4,
    "max_position_embeddings": 256,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": 0,
}
SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "llama": lambda shape: hf.LlamaForCausalLM(hf.LlamaConfig(**shape)),
    "qwen3": lambda shape: hf.Qwen3ForCausalLM(hf.Qwen3Config(**shape, head_dim=64)),
    "gemma2": lambda shape: hf.Gemma2ForCausalLM(hf.Gemma2Config(**shape, head_dim=64, sliding_window=64)),
    "gemma3": lambda shape: hf.Gemma3ForCausalLM(
        hf.Gemma3TextConfig(
            **shape,
            head_dim=64,
            sliding_window=64,
            layer_types=["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"],
        )
    ),
    "phi3": lambda shape: hf.Phi3ForCausalLM(hf.Phi3Config(**shape, sliding_window=None)),
    "mistral": lambda shape: hf.MistralForCausalLM(hf.MistralConfig(**shape, sliding_window=64)),
}


def wide_target(name: str, dtype: str, *, seed: int = 0, spread: float = 0.03) -> Target:
    """A random model whose keys and values count, with the capability that the self-check proves."""
    torch.manual_seed(seed)
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPES[dtype])
    try:
        model = SHAPES[name]({**WIDE, "initializer_range": spread})
    finally:
        torch.set_default_dtype(before)
    return target_of(model, name=name)


def check_fault(target: Target, fault: str, place: int, *, kind: str | None = None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        spoil(fault, place, patch, kind=kind)
        with pytest.raises(UnsupportedModel, match="logits differ by"):
            self_check(target)


@pytest.fixture(scope="module")
def real_target(smollm2: Path) -> Callable[[str], Target]:
    known: dict[str, Target] = {}

    def loaded(dtype: str) -> Target:
        if dtype not in known:
            known[dtype] = load_target(str(smollm2), dtype=dtype, device="cpu")
        return known[dtype]

    return loaded


@pytest.mark.real_weights
@pytest.mark.parametrize("dtype", PRECISIONS)
def test_smollm2_verifies_trees_in_every_precision(dtype: str, real_target: Callable[[str], Target]) -> None:
    target = real_target(dtype)
    assert target.capability is Capability.TREE
    assert target.note == ""


@pytest.mark.real_weights
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_forwards_are_seen_on_smollm2_in_bfloat16(fault: str, real_target: Callable[[str], Target]) -> None:
    check_fault(real_target("bfloat16"), fault, 0)


@pytest.mark.real_weights
@pytest.mark.slow
@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_seen_on_smollm2_in_any_place(
    fault: str, dtype: str, real_target: Callable[[str], Target], rounds: Callable[[int], int]
) -> None:
    for place in range(1 if fault == UNMOVED else rounds(100)):
        check_fault(real_target(dtype), fault, place)


@pytest.mark.parametrize(("name", "dtype"), [*((name, "bfloat16") for name in SHAPES), ("llama", "float16")])
def test_random_models_of_real_width_keep_their_trees_and_their_faults_are_seen(name: str, dtype: str) -> None:
    target = wide_target(name, dtype)
    assert target.capability is Capability.TREE
    assert target.context_length == WIDE["max_position_embeddings"]
    for fault in FAULTS:
        check_fault(target, fault, 0)
    if target.attention.by_kind:
        for kind in target.attention.kinds:
            check_fault(target, SEEN, 1, kind=kind)
            check_fault(target, HIDDEN, 1, kind=kind)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPES)
def test_random_models_of_any_seed(name: str, dtype: str, rounds: Callable[[int], int]) -> None:
    for seed in range(rounds(20)):
        target = wide_target(name, dtype, seed=seed, spread=(0.02, 0.03, 0.06)[seed % 3])
        assert target.capability is Capability.TREE
        assert target.context_length == WIDE["max_position_embeddings"]
        for fault in FAULTS:
            check_fault(target, fault, seed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["mamba2", "lfm2", "qwen3_next"])
def test_chains_are_kept_in_half_precision(name: str, dtype: str) -> None:
    target = target_of(state_model(name).to(DTYPES[dtype]), name=name)
    assert target.capability is Capability.CHAIN


def test_what_passes_lies_between_rounding_and_mistakes() -> None:
    measured = Evidence(0.0, 1e-3, {"one": 1.0, "other": 8.0, "too small to be seen": 1e-3})
    assert measured.mistake == 1.0
    assert measured.limit == pytest.approx(1e-2)
    for difference, is_right in ((0.009, True), (0.011, False), (math.nan, False)):
        assert measured.joined(Evidence(difference, 0.0)).is_right is is_right


def test_rounding_as_large_as_mistakes_is_no_excuse() -> None:
    assert Evidence(1.4, 1.0, {"one": 2.0}).is_right
    assert not Evidence(1.6, 1.0, {"one": 2.0}).is_right


def test_a_target_says_why_it_verifies_no_trees(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level(logging.WARNING):
        by_layers = target_of(state_model("lfm2"), name="LFM2")
    assert by_layers.note.startswith("drafts are verified one chain at a time")
    assert "(conv)" in by_layers.shortfall
    assert f"LFM2: {by_layers.note}" in caplog.text
    with monkeypatch.context() as patch:
        spoil(SEEN, 0, patch)
        by_logits = target_of(tiny_model("llama"))
    assert by_logits.capability is Capability.CHAIN
    assert "trees and plain logits differ by" in by_logits.note
    assert "where rounding makes" in by_logits.note
    unable = target_of(state_model("mamba"), name="Mamba")
    assert unable.note.startswith("it writes without drafts")
    assert "chains" in unable.note


def test_a_context_that_ends_with_the_window_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decoding.target.masks._SLIDING", "no layer is called so")
    target = target_of(tiny_model("mistral").double())
    assert target.capability is Capability.TREE
    assert f"after {target.context_length} tokens" in target.note
    assert "differ by" in target.note


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_target_that_can_do_all_says_nothing(architecture: str) -> None:
    assert target_of(tiny_model(architecture)).note == ""


def test_an_engine_says_why_it_drafts_nothing() -> None:
    target = target_of(tiny_model("llama"))
    assert Engine(target, sources=["recycled"], budget=Budget()).drafting_note == ""
    assert "no draft source" in Engine(target, sources=list, budget=Budget()).drafting_note
    assert "budget" in Engine(target, sources=["recycled"], budget=Budget(limit=0)).drafting_note
    made: list[None] = []

    def none() -> list[DraftSource]:
        made.append(None)
        return []

    engine = Engine(target, sources=none, budget=Budget())
    assert {engine.drafting_note for _ in range(3)} == {engine.drafting_note}
    assert len(made) == 1, "they are not made anew for each answer"
    unable = target_of(state_model("mamba"))
    assert Engine(unable, sources=["recycled"], budget=Budget()).drafting_note == unable.note
