"""Models that load, and models that are refused with a cause and a remedy."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    T5Config,
)

from decoding.drafting.budget import Budget
from decoding.drafting.cost_model import CostModel, _monotone, measure
from decoding.engine import Engine
from decoding.errors import InvalidRequest, MissingLibrary, ModelNotFound, ModelTooLarge, UnsupportedModel
from decoding.interfaces import Request, Sampling
from decoding.target import loading, model_facts, placement
from decoding.target.capability import Capability
from decoding.target.loading import load_target, target_of
from decoding.target.quantized import has_int8, require_int8
from decoding.target.target import Target
from decoding.tree import TokenTree
from tests.support.fakes import VOCABULARY, Oracle, chain, saved_model, tiny_model
from tests.support.state_models import state_model


def test_what_the_configuration_says_is_read(models: Path) -> None:
    model = tiny_model("llama")
    model.generation_config.eos_token_id = [3, 4]
    model.generation_config.do_sample = True
    model.generation_config.temperature = 0.6
    model.generation_config.top_k = 20
    model.save_pretrained(models)
    target = load_target(str(models))
    assert (target.vocab_size, target.context_length) == (VOCABULARY, 256)
    assert target.eos_ids == {3, 4}
    assert target.generation_defaults == Sampling(do_sample=True, temperature=0.6, top_k=20)
    assert target.dtype is torch.float32


def test_sampling_fields_count_only_with_do_sample(models: Path) -> None:
    target = load_target(str(saved_model("qwen3", models)))
    assert target.generation_defaults == Sampling()


def test_bfloat16_passes_its_self_check(models: Path) -> None:
    assert load_target(str(saved_model("llama", models)), dtype="bfloat16").dtype is torch.bfloat16


@pytest.mark.parametrize("name", ["no/such/folder/here", "./nowhere", "~/nowhere-at-all", "/nowhere"])
def test_a_path_that_is_not_there(name: str) -> None:
    with pytest.raises(ModelNotFound) as caught:
        load_target(name)
    assert name in caught.value.cause
    assert caught.value.hint


def test_an_empty_folder_is_no_model(models: Path) -> None:
    with pytest.raises(ModelNotFound):
        load_target(str(models))


def test_pickled_weights_are_not_read(models: Path) -> None:
    model = tiny_model("llama")
    model.config.save_pretrained(models)
    torch.save(model.state_dict(), models / "pytorch_model.bin")
    with pytest.raises(ModelNotFound):
        load_target(str(models))


def test_a_bidirectional_model_is_refused() -> None:
    config = BertConfig(
        vocab_size=61,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        is_decoder=False,
    )
    with pytest.raises(UnsupportedModel):
        target_of(BertLMHeadModel(config))


def test_an_encoder_decoder_is_refused(models: Path) -> None:
    T5Config(vocab_size=61, d_model=16, num_layers=1).save_pretrained(models)
    with pytest.raises(UnsupportedModel, match="encoder-decoder"):
        load_target(str(models))


@pytest.mark.parametrize("size", [0, 5, 500])
def test_a_truncated_download_is_an_error_with_a_remedy(models: Path, size: int) -> None:
    path = saved_model("llama", models)
    weights = path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    with pytest.raises(ModelNotFound) as caught:
        load_target(str(path))
    assert caught.value.hint


@pytest.mark.parametrize("device", ["foo", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(models: Path, device: str) -> None:
    with pytest.raises(InvalidRequest, match=device):
        load_target(str(saved_model("llama", models)), device=device)


def test_a_name_that_is_nowhere_fails_at_once_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_hub_is_reachable", lambda: False)
    started = time.perf_counter()
    with pytest.raises(ModelNotFound):
        load_target("nobody/no-such-model")
    assert time.perf_counter() - started < 5


@pytest.mark.skipif(not has_int8(), reason="the processor has no dot products of bytes")
@pytest.mark.parametrize(
    ("options", "cause"),
    [({"quantization_config": {"load_in_8bit": True}}, "not quantised yet"), ({"device_map": "cpu"}, "device_map")],
)
def test_int8_is_not_made_of_what_others_quantise_or_place(models: Path, options: dict[str, Any], cause: str) -> None:
    with pytest.raises(UnsupportedModel, match=cause):
        load_target(str(saved_model("llama", models)), dtype="int8", **options)


def test_int8_on_another_device_is_refused() -> None:
    with pytest.raises(UnsupportedModel, match="made for CPUs"):
        require_int8("cuda:0")


def test_an_unknown_dtype_is_refused(models: Path) -> None:
    with pytest.raises(UnsupportedModel, match="float12"):
        load_target(str(saved_model("llama", models)), dtype="float12")


def test_a_model_larger_than_free_memory_is_refused_with_the_figure(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved_model("llama", models)
    monkeypatch.setattr(placement, "free_memory_bytes", lambda: 10_000)
    with pytest.raises(ModelTooLarge, match=r"needs 0\.0 GiB in torch\.float32, 0\.0 GiB are free"):
        load_target(str(path))


QUANTIZED = SimpleNamespace(quantization_config={"quant_method": "anything"})
PLAIN_WEIGHTS = SimpleNamespace()


@pytest.mark.parametrize(
    ("config", "options", "places", "free", "fits"),
    [
        (PLAIN_WEIGHTS, {}, "cpu", 1.0, False),
        (PLAIN_WEIGHTS, {}, "cpu", 1.2, True),
        (PLAIN_WEIGHTS, {}, "cuda", 0.1, True),  # What is free there, nobody knows before.
        (PLAIN_WEIGHTS, {}, {"": "cpu"}, 1.0, False),
        (PLAIN_WEIGHTS, {}, {"model": "cpu", "lm_head": "disk"}, 0.1, True),
        (PLAIN_WEIGHTS, {}, "auto", 0.1, True),
        (PLAIN_WEIGHTS, {"quantization_config": {"load_in_4bit": True}}, "cpu", 0.3, True),
        (PLAIN_WEIGHTS, {"quantization_config": {"load_in_4bit": True}}, "cpu", 0.05, False),
        (QUANTIZED, {}, "cpu", 1.05, True),
        (QUANTIZED, {}, "cpu", 0.5, False),
    ],
)
def test_what_a_model_needs_depends_on_its_weights_and_on_where_they_go(
    config: SimpleNamespace,
    options: dict[str, Any],
    places: object,
    free: float,
    fits: bool,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``free``: memory, as a multiple of the weights in float32."""
    folder = saved_model("llama", models)
    weights_bytes = 4 * sum(weight.numel() for weight in tiny_model("llama").parameters())
    monkeypatch.setattr(placement, "free_memory_bytes", lambda: int(free * weights_bytes))
    with contextlib.nullcontext() if fits else pytest.raises(ModelTooLarge):
        placement.refuse_too_large(folder, torch.float32, config, options, places=places)


EVERY_PART = ("model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "model.rotary_emb", "lm_head")


@pytest.mark.parametrize("on_disk", [(), ("model.layers.1",), ("model.embed_tokens", "model.layers.0", "lm_head")])
def test_a_device_map_changes_nothing_but_places(models: Path, on_disk: tuple[str, ...]) -> None:
    """Parts on disk come in by hooks when they are needed: ids, masks and cache must find them."""
    path = str(saved_model("llama", models))
    places: Any = {part: "disk" if part in on_disk else "cpu" for part in EVERY_PART} if on_disk else {"": "cpu"}
    plain = load_target(path, device="cpu")
    mapped = load_target(path, device_map=places, offload_folder=str(models / "off"))
    assert mapped.device == torch.device("cpu")
    assert bool(on_disk) == any(weight.is_meta for weight in mapped.model.parameters())
    job = Request((5, 9, 2, 33, 5, 9, 2), 20)
    expected = Engine(plain, sources=list, budget=Budget()).generate(job).tokens
    assert (
        Engine(mapped, sources=lambda: [Oracle(expected, branches=2)], budget=Budget()).generate(job).tokens == expected
    )


def test_states_of_a_model_with_parts_on_disk(models: Path) -> None:
    model = state_model("lfm2").float()
    model.save_pretrained(models)
    parts = {f"model.{name}": "cpu" for name, _ in model.model.named_children() if name != "layers"}
    parts |= {f"model.layers.{at}": "disk" if at in (0, 1) else "cpu" for at in range(4)} | {"lm_head": "cpu"}
    target = load_target(str(models), device_map=parts, offload_folder=str(models / "off"))
    assert any(weight.is_meta for weight in target.model.parameters())
    assert target.capability is Capability.CHAIN


def test_a_device_and_a_device_map_are_one_too_many(models: Path) -> None:
    with pytest.raises(InvalidRequest, match="both set"):
        load_target(str(saved_model("llama", models)), device="cpu", device_map="auto")


def test_a_device_map_without_accelerate_is_a_missing_library(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "_has_accelerate", lambda: False)
    with pytest.raises(MissingLibrary) as caught:
        load_target(str(saved_model("llama", models)), device_map="auto")
    assert "pip install accelerate" in caught.value.hint


@pytest.mark.parametrize("stored", [False, True])
def test_quantised_weights_without_their_library_name_it(
    models: Path, stored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.quantizers.quantizer_bnb_4bit.is_bitsandbytes_available", lambda: False)
    path, wanted = saved_model("llama", models), {"load_in_4bit": True}
    options: dict[str, Any] = {"quantization_config": wanted}
    if stored:
        config = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(config | options))
        options = {}
    with pytest.raises(MissingLibrary, match="bitsandbytes") as caught:
        load_target(str(path), **options)
    assert caught.value.hint.startswith("pip install -U bitsandbytes")


def test_the_vocabulary_of_a_packed_head_is_what_it_writes() -> None:
    """Quantised weights are stored in other shapes than they have."""
    model = tiny_model("llama")
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.reshape(-1, 1))
    assert model_facts.read_facts(model).vocab_size == VOCABULARY


def test_the_self_check_sees_an_ignored_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a model that drops the tree mask must be refused."""
    model = tiny_model("llama")
    forward = model.forward

    def forgetful(*args: object, attention_mask: object = None, **kwargs: object) -> object:
        return forward(*args, **kwargs)

    monkeypatch.setattr(model, "forward", forgetful)
    with pytest.raises(UnsupportedModel, match="differ by"):
        target_of(model)


def test_measured_costs_never_fall_with_size(llama: Target) -> None:
    costs = measure(llama, [1, 2, 4, 8])
    assert sorted(costs) == [1, 2, 4, 8]
    assert list(costs.values()) == sorted(costs.values())


def test_the_budget_weighs_expected_tokens_against_time() -> None:
    flat, steep = Budget(8, CostModel({1: 1.0, 16: 1.0})), Budget(8, CostModel({1: 1.0, 2: 1.5, 16: 8.5}))
    likely, unlikely = [0.9, 0.8, 0.7, 0.6], [0.1, 0.05]
    assert flat.best_size([unlikely]) == 2
    assert steep.best_size([unlikely]) == 0
    assert 0 < steep.best_size([likely]) <= 4
    assert Budget(8).best_size([unlikely]) == 2


def test_costs_follow_the_machine() -> None:
    costs = CostModel({1: 1.0, 8: 2.0})
    for _ in range(60):
        costs.refine(1, 0.5)
    assert costs.seconds(1) == pytest.approx(0.5, rel=0.05)
    assert costs.seconds(8) == pytest.approx(1.0, rel=0.05)
    for _ in range(60):
        costs.refine(8, 4.0)
    assert costs.seconds(1) == pytest.approx(0.5, rel=0.05)
    assert costs.seconds(8) == pytest.approx(4.0, rel=0.05)


def test_drafts_that_looked_too_dear_on_a_busy_machine_come_back() -> None:
    """T(n) measured beside another program: 30 times too large. The machine is quiet again: drafts must return."""
    budget = Budget(8, CostModel({1: 0.042, 2: 0.206, 8: 0.206}))
    tree = TokenTree.of(1)
    tree.graft("draft", chain([2, 3, 4, 5, 6, 7], 0.7), max_depth=9)
    sizes = []
    for _ in range(400):
        size = len(budget.cut([tree])[0])
        sizes.append(size)
        budget.costs.refine(size, 0.004 if size == 1 else 0.005)
    assert sizes[0] == 1
    assert sizes[200:] == [7] * 200


def test_noise_in_one_size_does_not_lift_the_larger_ones() -> None:
    assert _monotone({1: 1.0, 2: 9.0, 4: 1.5, 8: 2.0}) == {1: 1.0, 2: 1.5, 4: 1.5, 8: 2.0}
