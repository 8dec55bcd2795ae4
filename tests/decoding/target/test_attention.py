"""Our attention against a float64 reference, and bit for bit against itself under every layout a tree can have."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from decoding.errors import UnsupportedModel
from decoding.target.attention import NAME, attend, use_attention
from decoding.target.capability import Capability
from decoding.target.loading import target_of
from decoding.target.quantized import require_int8
from decoding.tree import ROOT, DraftTree, TokenTree
from tests.support.broken_numba import broken

TYPES = [torch.float32, torch.bfloat16, torch.float16]
# Units in the last place of a result near 1.
CLOSE = {torch.float32: 2e-6, torch.bfloat16: 8e-3, torch.float16: 1e-3}


def _random(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def _mask(visible_BNK: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask_BNK = torch.zeros(visible_BNK.shape, dtype=dtype)
    return mask_BNK.masked_fill_(~visible_BNK, torch.finfo(dtype).min)[:, None]


def _module(query: torch.Tensor, key: torch.Tensor) -> Any:
    return SimpleNamespace(num_key_value_groups=query.shape[1] // key.shape[1], is_causal=True, training=False)


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    output, weights = attend(_module(query, key), query, key, value, mask, scaling=query.shape[3] ** -0.5)
    assert weights is None
    return output


def _exact(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    numbers = (query.double(), key.double(), value.double(), mask.double())
    return sdpa_attention_forward(_module(query, key), *numbers, scaling=query.shape[3] ** -0.5)[0]


def _tree_visibility(prefix: int, nodes: int, rng: np.random.Generator) -> torch.Tensor:
    """(N, K): every node sees the prefix, its ancestors and itself; the first is the root."""
    visible_NK = torch.zeros((nodes, prefix + nodes), dtype=torch.bool)
    visible_NK[:, :prefix] = True
    for node in range(nodes):
        if node:
            visible_NK[node, prefix:] = visible_NK[int(rng.integers(0, node)), prefix:]
        visible_NK[node, prefix + node] = True
    return visible_NK


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(("heads", "groups", "size"), [(9, 3, 64), (4, 4, 8), (8, 2, 40), (5, 1, 80), (2, 2, 128)])
@pytest.mark.parametrize(("rows", "queries", "keys"), [(1, 1, 1), (3, 5, 33), (2, 70, 96)])
def test_equals_the_reference(
    dtype: torch.dtype, heads: int, groups: int, size: int, rows: int, queries: int, keys: int
) -> None:
    query = _random(rows, queries, heads, size, dtype=dtype).transpose(1, 2)
    key, value = (_random(rows, groups, 128, size, dtype=dtype, seed=seed)[:, :, :keys] for seed in (1, 2))
    visible_BNK = torch.rand((rows, queries, keys), generator=torch.Generator().manual_seed(3)) < 0.7
    visible_BNK[:, :, 0] = True
    mask = _mask(visible_BNK, dtype)
    output = _attend(query, key, value, mask)
    assert output.shape == (rows, queries, heads, size)
    assert output.dtype is dtype
    torch.testing.assert_close(output.double(), _exact(query, key, value, mask), atol=CLOSE[dtype], rtol=CLOSE[dtype])


def test_what_a_mask_adds_is_added() -> None:
    query, key, value = (_random(1, 2, 40, 16, dtype=torch.float32, seed=seed) for seed in range(3))
    mask = _random(1, 1, 40, 40, dtype=torch.float32, seed=3)
    torch.testing.assert_close(
        _attend(query, key, value, mask).double(), _exact(query, key, value, mask), atol=2e-6, rtol=0
    )


def test_scores_far_apart_neither_overflow_nor_vanish() -> None:
    query, key, value = (_random(1, 1, 40, 16, dtype=torch.float32, seed=seed) for seed in range(3))
    mask = _mask(torch.ones((1, 40, 40), dtype=torch.bool).tril(), torch.float32)
    output = _attend(query * 100, key * 10, value, mask)
    torch.testing.assert_close(output.double(), _exact(query * 100, key * 10, value, mask), atol=2e-4, rtol=0)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_a_node_of_a_tree_attends_as_it_would_alone(dtype: torch.dtype, seed: int, threads: int) -> None:
    """Bit for bit: in a tree among siblings and other rows, and alone over the keys that it sees, moved together."""
    rng = np.random.default_rng(seed)
    prefix, nodes, rows = int(rng.integers(0, 300)), int(rng.integers(1, 64)), int(rng.integers(1, 4))
    visible_BNK = torch.stack([_tree_visibility(prefix, nodes, rng) for _ in range(rows)])
    query = _random(rows, nodes, 6, 32, dtype=dtype, seed=seed).transpose(1, 2)
    key, value = (_random(rows, 2, 512, 32, dtype=dtype, seed=seed + more)[:, :, : prefix + nodes] for more in (9, 10))
    together = _attend(query, key, value, _mask(visible_BNK, dtype))
    for row, node in zip(rng.integers(0, rows, 12), rng.integers(0, nodes, 12), strict=True):
        seen_K = visible_BNK[row, node].nonzero()[:, 0]
        of_row, of_node = slice(row, row + 1), slice(node, node + 1)
        mask = torch.zeros((1, 1, 1, len(seen_K)), dtype=dtype)
        alone = _attend(query[of_row, :, of_node], key[of_row][:, :, seen_K], value[of_row][:, :, seen_K], mask)
        assert torch.equal(alone[0, 0], together[row, node])


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_prompt_attends_alike_in_any_chunks(dtype: torch.dtype, chunk: int, threads: int) -> None:
    length = 260
    query = _random(1, length, 3, 64, dtype=dtype).transpose(1, 2)
    key, value = (_random(1, 1, 512, 64, dtype=dtype, seed=seed) for seed in (1, 2))
    visible = torch.ones((1, length, length), dtype=torch.bool).tril()
    whole = _attend(query, key[:, :, :length], value[:, :, :length], _mask(visible, dtype))
    for start in range(0, length, chunk):
        end = min(start + chunk, length)
        mask = _mask(visible[:, start:end, :end], dtype)
        part = _attend(query[:, :, start:end], key[:, :, :end], value[:, :, :end], mask)
        assert torch.equal(part, whole[:, start:end])


@pytest.mark.parametrize("length", [1, 5, 70])
def test_without_a_mask_tokens_see_those_before_them(length: int) -> None:
    query, key, value = (_random(1, 2, length, 16, dtype=torch.float32, seed=seed) for seed in range(3))
    mask = _mask(torch.ones((1, length, length), dtype=torch.bool).tril(), torch.float32)
    assert torch.equal(_attend(query, key, value, None), _attend(query, key, value, mask))


def test_a_boolean_mask_is_the_additive_one() -> None:
    query, key, value = (_random(1, 2, 7, 16, dtype=torch.float32, seed=seed) for seed in range(3))
    visible = torch.ones((1, 7, 7), dtype=torch.bool).tril()
    additive = _attend(query, key, value, _mask(visible, torch.float32))
    assert torch.equal(_attend(query, key, value, visible[:, None]), additive)


def test_what_nobody_sees_changes_nothing() -> None:
    """Masked keys of any finite size, before, between and behind; products that vanish with either sign."""
    query, key, value = (_random(1, 1, 100, 16, dtype=torch.float32, seed=seed) for seed in range(3))
    value[:, :, 50:55] = -1e-44
    visible = torch.zeros((1, 100, 100), dtype=torch.bool)
    visible[:, :, 50:55] = True
    mask = _mask(visible, torch.float32)
    clean = _attend(query, key, value, mask)
    key[:, :, 55:], value[:, :, 55:] = 3e38, -3e38
    key[:, :, :50], value[:, :, :50] = -3e38, 3e38
    assert torch.equal(_attend(query, key, value, mask).view(torch.int32), clean.view(torch.int32))


def test_what_is_not_a_number_is_not_hidden() -> None:
    query, key, value = (_random(1, 1, 4, 16, dtype=torch.float32, seed=seed) for seed in range(3))
    mask = torch.zeros((1, 1, 4, 4))
    key[0, 0, 2] = float("nan")
    assert _attend(query, key, value, mask).isnan().all()


_UNKNOWN: dict[str, dict[str, Any]] = {
    "float64": {"dtype": torch.float64},
    "a mask for each head": {"mask": _random(1, 4, 5, 5, dtype=torch.float32)},
    "a mask of another type": {"mask": torch.zeros(1, 1, 5, 5), "dtype": torch.bfloat16},
    "values of another size": {"value_size": 8},
    "a bias of positions": {"position_bias": _random(1, 4, 5, 5, dtype=torch.float32)},
    "no mask, and not causal": {"mask": None, "is_causal": False},
    "training": {"trains": True},
}


@pytest.mark.parametrize("case", _UNKNOWN)
def test_what_it_does_not_know_is_transformers_own(case: str) -> None:
    options = dict(_UNKNOWN[case])
    dtype, trains = options.pop("dtype", torch.float32), options.pop("trains", False)
    mask = options.pop("mask", torch.zeros((1, 1, 5, 5), dtype=dtype))
    query, key = _random(1, 4, 5, 16, dtype=dtype), _random(1, 2, 5, 16, dtype=dtype, seed=1)
    value = _random(1, 2, 5, options.pop("value_size", 16), dtype=dtype, seed=2)
    query.requires_grad_(trains)
    ours, _ = attend(_module(query, key), query, key, value, mask, scaling=0.3, **options)
    theirs, _ = sdpa_attention_forward(_module(query, key), query, key, value, mask, scaling=0.3, **options)
    assert torch.equal(ours, theirs)
    assert ours.requires_grad is trains


def test_a_cap_on_scores_is_refused_as_transformers_does() -> None:
    query = _random(1, 2, 3, 16, dtype=torch.float32)
    with pytest.raises(ValueError, match="softcap"):
        attend(_module(query, query), query, query, query, torch.zeros((1, 1, 3, 3)), scaling=1.0, softcap=30.0)


class _RowExact(torch.nn.Module):
    """A linear layer summed in float64, so that rounding to float32 hides in which order it was summed."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(linear.weight.detach().double())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x.double(), self.weight).float()


def _llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=128, hidden_size=96, intermediate_size=128, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=512,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    assert model.config._attn_implementation == "sdpa"
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.Linear):
                setattr(parent, name, _RowExact(child))
    return model


def _logits_differ(attention: str) -> bool:
    """Whether any bit of the logits of a tree behind a prompt read at once differs from one token at a time."""
    target = target_of(_llama())
    assert target.model.config._attn_implementation == NAME
    target.model.set_attn_implementation(attention)
    rng = np.random.default_rng(0)
    prompt = [int(token) for token in rng.integers(0, 128, 90)]
    paths = [(9,), (8,), (9, 7), (9, 6), (8, 5), (9, 6, 4), (9, 6, 3)]
    tree = TokenTree.of(5)
    tree.graft("drafts", DraftTree.from_paths(dict.fromkeys(paths, 0.5)), max_depth=8)
    at_once = target.new_cache()
    target.prefill(prompt, at_once)
    verified = target.verify(tree, at_once)
    for path in [(), *paths]:
        node, one_by_one = ROOT, target.new_cache()
        for token in path:
            child = tree.child(node, token)
            assert child is not None
            node = child
        for token in [*prompt, *[5, *path][:-1]]:
            target.prefill([token], one_by_one)
        alone = target.verify(TokenTree.of([5, *path][-1]), one_by_one)
        if not np.array_equal(alone.row(ROOT), verified.row(node)):
            return True
    return False


def test_a_real_model_verifies_a_tree_bit_for_bit_as_one_token_at_a_time() -> None:
    assert not _logits_differ(NAME)


def test_with_other_attention_it_does_not() -> None:
    """Else the test above could not fail."""
    assert _logits_differ("sdpa")


@pytest.mark.parametrize("imports", [False, True])
def test_where_numba_does_not_work_models_attend_as_before(
    imports: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and int8, which needs machine code, is refused."""
    with broken(monkeypatch, imports=imports) as said:
        targets = [target_of(_llama()) for _ in range(2)]
        assert [target.model.config._attn_implementation for target in targets] == ["sdpa"] * 2
        assert targets[0].capability is Capability.TREE
        assert caplog.text.count(said) == 1
        monkeypatch.setattr("decoding.target.quantized.has_int8", lambda: True)
        with pytest.raises(UnsupportedModel, match=f"int8 needs machine code.*{said}"):
            require_int8()


def test_a_model_that_chose_another_attention_keeps_it() -> None:
    model = _llama()
    model.set_attn_implementation("eager")
    assert not use_attention(model)
    assert model.config._attn_implementation == "eager"
