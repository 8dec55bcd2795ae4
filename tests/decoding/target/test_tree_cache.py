"""The cache after any mixture of acceptances is the cache of a fresh prefill."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from decoding.target.target import Target
from decoding.tree import TokenTree
from decoding.verification.acceptance import sample_and_match
from tests.support.fakes import ARCHITECTURES, VOCABULARY, chain


def random_tree(rng: random.Random, root: int) -> TokenTree:
    tree = TokenTree.of(root)
    for _ in range(rng.randrange(4)):
        tree.graft("random", chain([rng.randrange(6) for _ in range(rng.randrange(1, 6))], 0.5), max_depth=6)
    return tree


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rejected_drafts_leave_no_trace(targets: dict[str, Target], architecture: str) -> None:
    """After rounds of random accept and reject the cache equals a fresh prefill of the committed tokens."""
    target, rng = targets[architecture], random.Random(architecture)
    committed = [rng.randrange(VOCABULARY) for _ in range(9)]
    cache = target.new_cache()
    target.prefill(committed[:-1], cache)
    for _ in range(60):
        tree = random_tree(rng, committed[-1])
        base = cache.length
        target.verify(tree, cache)
        walk = sample_and_match(
            tree,
            lambda node: rng.choice([*tree.children[node], rng.randrange(VOCABULARY)]),  # noqa: B023
            lambda _: False,
        )
        cache.keep(base, walk.path)
        committed.extend(walk.tokens)
        assert cache.length == len(committed) - 1
        if len(committed) > 200:
            break
    fresh = target.new_cache()
    target.prefill(committed[:-1], fresh)
    for kept, made in zip(cache.layers, fresh.layers, strict=True):
        for name in ("keys", "values"):
            ours, theirs = (getattr(layer, name)[:, :, : cache.length] for layer in (kept, made))
            assert torch.allclose(ours, theirs, rtol=0, atol=1e-9)


def test_an_accepted_chain_is_kept_without_moving_a_row(llama: Target) -> None:
    cache = llama.new_cache()
    llama.prefill([1, 2, 3], cache)
    tree = TokenTree.of(4)
    tree.graft("chain", chain([5, 6, 7], 1.0), max_depth=3)
    llama.verify(tree, cache)
    before = cache.layers[0].keys[:, :, :7].clone()
    cache.keep(3, (1, 2, 3))
    assert cache.length == 7
    assert torch.equal(cache.layers[0].keys[:, :, :7], before)


def test_chunks_of_a_prefill_make_no_difference(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = [token % VOCABULARY for token in range(50)]
    whole, chunked = llama.new_cache(), llama.new_cache()
    llama.prefill(tokens, whole)
    monkeypatch.setattr("decoding.target.target.PREFILL_CHUNK", 7)
    widths: list[int] = []
    forward = Target._forward

    def count(self: Target, tokens: Any, *args: Any, **options: Any) -> Any:
        widths.append(len(tokens[0]))
        return forward(self, tokens, *args, **options)

    monkeypatch.setattr(Target, "_forward", count)
    llama.prefill(tokens, chunked)
    assert widths == [7] * 7 + [1]
    assert torch.allclose(whole.layers[1].keys[:, :, :50], chunked.layers[1].keys[:, :, :50], atol=1e-9)
