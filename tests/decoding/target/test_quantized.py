"""int8 layers: close to the model's own, and bit for bit alike alone, in a chain, in a tree and in a batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    DynamicCache,
    Gemma2Config,
    GPT2Config,
    GPTNeoXConfig,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    Olmo2Config,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    SmolLM3Config,
)
from transformers.activations import ACT2FN

from decoding.errors import UnsupportedModel
from decoding.target import quantized, row_kernels
from decoding.target.capability import Capability
from decoding.target.loading import target_of
from decoding.target.quantized import EXACT_MODELS, Int8Block, Int8Linear, has_int8, is_int8, quantize
from decoding.target.row_kernels import Int8Rows
from decoding.target.target import Target
from decoding.tree import DraftTree, TokenTree

pytestmark = pytest.mark.skipif(not has_int8(), reason="the processor has no dot products of bytes")

SHAPE = {
    "vocab_size": 101,
    "hidden_size": 64,
    "intermediate_size": 112,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
    # Random weights of the usual size would hardly attend to anything.
    "initializer_range": 0.2,
}
FUSED = [LlamaConfig(**SHAPE, attention_bias=True), MistralConfig(**SHAPE, sliding_window=None), Qwen2Config(**SHAPE)]
LINEAR = [Qwen3Config(**SHAPE), Phi3Config(**SHAPE), LlamaConfig(**SHAPE, hidden_act="gelu")]
OTHERS = [
    *(kind(**SHAPE) for kind in (GPTNeoXConfig, GraniteConfig, Olmo2Config, SmolLM3Config)),
    OPTConfig(**{**SHAPE, "init_std": 0.2}, ffn_dim=112, word_embed_proj_dim=64),
]


def _names(config: Any) -> str:
    return str(config.model_type)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        yield


def _model(config: Any) -> Any:
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for name, bias in model.named_parameters():
        if name.endswith("bias"):
            bias.normal_()
    return model


@pytest.mark.parametrize("digits", [1, 2])
@pytest.mark.parametrize("has_bias", [False, True])
def test_a_layer_is_as_close_as_its_digits_allow(digits: int, has_bias: bool) -> None:
    linear = nn.Linear(96, 40, bias=has_bias)
    x_BND = torch.randn(2, 5, 96)
    layer = Int8Linear(linear, digits=digits)
    out_BNO = layer(x_BND)
    assert out_BNO.shape == (2, 5, 40)
    error = float((out_BNO - linear(x_BND)).std() / linear(x_BND).std())
    # The weights are rounded, too, to 8 bits in both cases.
    assert error < (0.02 if digits == 1 else 0.01)
    assert torch.equal(layer(x_BND.half()).float(), layer(x_BND.half().float()).half().float())


def test_products_are_exact_sums_of_whole_numbers() -> None:
    """Also where every product is as large as can be: no sum saturates."""
    weight_OD = torch.randn(24, 1536).sign()
    digits_PD = torch.cat((torch.full((1, 1536), 255), torch.randint(1, 256, (6, 1536)))).to(torch.uint8)
    int8 = quantized.Int8Weight.of([weight_OD[:8], weight_OD[8:]])
    products_PO = int8.products(Int8Rows(digits_PD, torch.ones(7)))
    exact_PO = (digits_PD.double() - 128) @ (weight_OD.double() * 127).T / 127
    torch.testing.assert_close(products_PO.double(), exact_PO, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("config", FUSED, ids=_names)
def test_blocks_of_llamas_shape_are_fused(config: Any) -> None:
    model = _model(config)
    ids_1N = torch.randint(0, 101, (1, 24))
    plain_NV = model(ids_1N).logits[0]
    quantize(model)
    assert [type(block) for block in model.model.layers] == [Int8Block] * 3
    assert is_int8(model)
    assert _error(target_of(model).model(ids_1N).logits[0], plain_NV) < 0.15


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_fused_block_writes_to_its_cache_under_either_of_its_names(name: str) -> None:
    """transformers has renamed it: a block that did not know the new name would read nothing of what stands before."""
    model = quantize(_model(FUSED[0]))
    cache = DynamicCache(config=model.config)
    hidden_1ND = torch.randn(1, 5, model.config.hidden_size)
    positions = model.model.rotary_emb(hidden_1ND, torch.arange(5)[None])
    model.model.layers[0](hidden_1ND, position_embeddings=positions, **{name: cache})
    assert cache.get_seq_length(0) == 5


@pytest.mark.parametrize("config", LINEAR, ids=_names)
def test_other_models_have_their_linear_layers_replaced(config: Any) -> None:
    model = _model(config)
    ids_1N = torch.randint(0, 101, (1, 24))
    plain_NV = model(ids_1N).logits[0]
    quantize(model)
    kinds = {type(module) for module in model.modules()}
    assert Int8Linear in kinds
    assert not kinds & {nn.Linear, Int8Block}
    assert _error(target_of(model).model(ids_1N).logits[0], plain_NV) < 0.15


def test_a_gate_is_rounded_alike_wherever_it_stands() -> None:
    """torch's own silu is not: the end of a run of numbers, which fills no vector, has another rounding."""
    activation = quantize(_model(LINEAR[0])).model.layers[0].mlp.act_fn  # type: ignore[union-attr]
    x_N = torch.randn(31 * 2000) * 3
    places = range(0, len(x_N), 31)
    assert torch.equal(torch.cat([activation(x_N[at : at + 31]) for at in places]), activation(x_N))
    torch.testing.assert_close(activation(x_N), nn.functional.silu(x_N))


@pytest.mark.parametrize("config", FUSED[:1], ids=_names)
def test_a_fused_block_computes_what_its_layers_do(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the rounding of norms, which int8 makes larger where it tips a number over."""
    ids_1N = torch.randint(0, 101, (1, 24))
    model = _model(config)
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    fused_NV = target_of(quantize(model)).model(ids_1N).logits[0]
    other = _model(config)
    other.load_state_dict(state)
    monkeypatch.setattr(Int8Block, "fits", classmethod(lambda cls, block: False))
    linear_NV = target_of(quantize(other)).model(ids_1N).logits[0]
    assert _error(fused_NV, linear_NV) < 0.05


def _error(logits_NV: torch.Tensor, others_NV: torch.Tensor) -> float:
    """Of the size of the logits."""
    return float((logits_NV - others_NV).std() / others_NV.std())


def test_all_models_that_are_called_exact_are_tried() -> None:
    assert {config.model_type for config in (*FUSED, *LINEAR, *OTHERS)} == EXACT_MODELS


@pytest.mark.parametrize("config", [*FUSED, *LINEAR, *OTHERS], ids=_names)
def test_a_token_is_bit_for_bit_the_same_in_a_tree_a_batch_and_alone(config: Any) -> None:
    target = target_of(quantize(_model(config)))
    assert target.capability is Capability.TREE
    assert target.precision == "int8"
    assert target.is_exact
    generator = torch.Generator().manual_seed(1)
    prompts = [torch.randint(0, 101, (size,), generator=generator).tolist() for size in (9, 33, 70)]
    trees = [_tree(prompt[-1], seed) for seed, prompt in enumerate(prompts)]
    cache = target.new_cache(rows=3)
    for row, prompt in enumerate(prompts):
        target.prefill(prompt[:-1], cache, row=row)
    together = target.verify_rows(trees, cache)
    for prompt, tree, logits in zip(prompts, trees, together, strict=True):
        alone = target.new_cache()
        _one_by_one(target, prompt[:-1], alone)
        for node in range(len(tree)):
            path = [tree.tokens[ancestor] for ancestor in _path(tree, node)]
            _one_by_one(target, path[:-1], alone)
            last = target.verify(TokenTree.of(path[-1]), alone)
            assert (last.row(0) == logits.row(node)).all()
            alone.rewind(len(prompt) - 1)


def _one_by_one(target: Target, tokens: list[int], cache: Any) -> None:
    for token in tokens:
        target.verify(TokenTree.of(token), cache)
        cache.keep(cache.length, ())


def _tree(root: int, seed: int) -> TokenTree:
    tree = TokenTree.of(root)
    for chain in ((3 + seed, 4, 5, 6), (3 + seed, 9), (40, 41 + seed, 42)):
        tree.graft("test", DraftTree.chain(chain, 0.9), max_depth=4)
    return tree


def _path(tree: TokenTree, node: int) -> list[int]:
    nodes = []
    while node >= 0:
        nodes.append(node)
        node = tree.parents[node]
    return nodes[::-1]


@pytest.mark.parametrize(
    "config",
    [
        Gemma2Config(**SHAPE, head_dim=16),
        GPT2Config(vocab_size=101, n_embd=64, n_layer=2, n_head=4, bos_token_id=None, eos_token_id=None),
    ],
)
def test_other_models_are_not_called_exact(config: Any) -> None:
    """Scores with a cap are not ours, and GPT-2's layers stay as they are."""
    assert not target_of(quantize(_model(config))).is_exact


def test_other_activations_are_not_called_exact() -> None:
    """torch rounds this one in another way at the end of a run of numbers."""
    model = quantize(_model(LlamaConfig(**SHAPE, hidden_act="gelu_pytorch_tanh")))
    assert target_of(model).is_exact is _is_even(model.model.layers[0].mlp.act_fn) is False  # type: ignore[union-attr]
    assert all(_is_even(ACT2FN[name]) for name in ("relu", "gelu"))


def _is_even(activation: Any) -> bool:
    x_N = torch.randn(31 * 2000) * 3
    return torch.equal(torch.cat([activation(run_31) for run_31 in x_N.split(31)]), activation(x_N))


def test_a_block_that_only_has_the_name_of_llamas_is_left_to_its_own_code() -> None:
    model = _model(FUSED[0])
    block = model.model.layers[0]
    assert Int8Block.fits(block)
    block.__class__ = type("LlamaDecoderLayer", (type(block),), {"__module__": "transformers_modules.somebody"})
    assert not Int8Block.fits(block)


def test_a_processor_without_dot_products_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantized, "has_int8", lambda: False)
    with pytest.raises(UnsupportedModel, match="VNNI"):
        quantize(nn.Linear(4, 4))


def test_a_wrong_block_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared later is int8 with int8: so a model is compared with what it was, once."""
    monkeypatch.setattr(row_kernels, "rotate", lambda *tensors, **sizes: None)
    with pytest.raises(UnsupportedModel, match="logits"):
        quantize(_model(FUSED[0]))
