"""Last hidden states of verified nodes: those of a plain forward, whatever shares it; kept only where asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from decoding.cuda.graphs import StaticRunner
from decoding.cuda.pool_cache import PoolCache
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Commit, FinishReason, Request, Sampling
from decoding.sources.base import DraftSource
from decoding.target.capability import Capability
from decoding.target.hidden_states import capture_hidden_states
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache
from decoding.tree import TokenTree
from decoding.verification.logits import TreeLogits
from tests.support.drafters import hidden_of
from tests.support.fakes import ARCHITECTURES, SLIDING, AlwaysWrong, Oracle, chain, tiny_model
from tests.support.state_models import state_model

CHAINS = (((7, 8, 9), (7, 12)), ((13, 14, 15, 16), (13, 3), (2,)), ())
PROMPTS = ((5, 6, 7), (9, 8, 7, 6, 5, 4, 3), (11, 12))
Work = Callable[[], object]


def keeping(architecture: str, *, seed: int = 2) -> Target:
    """A target of its own that keeps its hidden states."""
    return target_of(tiny_model(architecture, seed=seed).double(), name=architecture).keeping_hidden_states()


def trees() -> list[TokenTree]:
    made = []
    for prompt, chains in zip(PROMPTS, CHAINS, strict=True):
        tree = TokenTree.of(prompt[-1])
        for ids in chains:
            tree.graft("test", chain(ids, 0.5), max_depth=9)
        made.append(tree)
    return made


def path(tree: TokenTree, node: int) -> list[int]:
    return [] if node < 0 else [*path(tree, tree.parents[node]), tree.tokens[node]]


def check_states(target: Target, tree: TokenTree, logits: TreeLogits, text: Sequence[int]) -> None:
    """Every node of a tree behind ``text`` against a forward over its path."""
    for node in range(len(tree)):
        found = logits.hidden(node)
        assert found is not None
        torch.testing.assert_close(found, hidden_of(target.model, [*text, *path(tree, node)])[-1], rtol=0, atol=1e-9)


def check_rows(target: Target, cache: TreeCache | None = None) -> None:
    """Rows of different trees, of which some have the end of their prompt still unread, two steps long."""
    unread = [0, 4, 1]
    if cache is None:
        made = target.new_cache(rows=0)
        assert isinstance(made, TreeCache)
        cache = made
    for prompt, left in zip(PROMPTS, unread, strict=True):
        own = target.new_cache()
        assert isinstance(own, TreeCache)
        target.prefill(prompt[: len(prompt) - 1 - left], own)
        cache.add_row(own)
    ends = [prompt[len(prompt) - 1 - left : -1] for prompt, left in zip(PROMPTS, unread, strict=True)]
    first = target.verify_rows(trees(), cache, unread=ends)
    for tree, logits, prompt in zip(trees(), first, PROMPTS, strict=True):
        check_states(target, tree, logits, prompt[:-1])
    kept = [(1, 4), (1, 5), ()]  # Second branches, and a root alone.
    texts = [
        [*prompt[:-1], *path(tree, ([0, *nodes])[-1])]
        for prompt, tree, nodes in zip(PROMPTS, trees(), kept, strict=True)
    ]
    cache.keep_rows(kept)
    after = [TokenTree.of(1), TokenTree.of(2), TokenTree.of(3)]
    after[1].graft("test", chain((4, 5), 0.5), max_depth=9)
    for tree, logits, text in zip(after, target.verify_rows(after, cache), texts, strict=True):
        check_states(target, tree, logits, text)
    for tree, logits, prompt in zip(trees(), first, PROMPTS, strict=True):
        check_states(target, tree, logits, prompt[:-1])  # They stay true.


@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *SLIDING])
def test_states_are_those_of_a_plain_forward_in_every_row_and_node(architecture: str) -> None:
    check_rows(keeping(architecture))


@pytest.mark.parametrize("captured", [True, False])
def test_forwards_in_fixed_shapes_keep_them_too(captured: bool) -> None:
    """What is captured replays into a buffer; a target that keeps no states has none of a graph either."""
    keeps = keeping("llama")
    target = replace(keeps, keeps_hidden=False)
    recorded: list[Work] = []

    def capture(work: Work) -> Work:
        recorded.append(work)
        return work

    def pool_of(target: Target) -> PoolCache:
        like = target.new_cache()
        assert isinstance(like, TreeCache)
        target.prefill([0], like)
        pool = PoolCache(like, rows=4, tokens=64)
        pool.run_with(StaticRunner(target, pool, (lambda: capture) if captured else None))
        return pool

    pool = pool_of(target)
    own = target.new_cache()
    assert isinstance(own, TreeCache)
    target.prefill(PROMPTS[0][:-1], own)
    pool.add_row(own)
    for _ in range(4):
        assert target.verify(trees()[0], pool).hidden(0) is None
    before = len(recorded)
    assert bool(before) == captured
    pool = pool_of(keeps)
    check_replayed(keeps, pool)
    assert (len(recorded) > before) == captured
    check_rows(keeps, pool)


def check_replayed(target: Target, pool: PoolCache) -> None:
    """One shape again and again, then another: what was given before stays true."""
    own = target.new_cache()
    assert isinstance(own, TreeCache)
    target.prefill(PROMPTS[0][:-1], own)
    pool.add_row(own)
    found = [target.verify(trees()[0], pool) for _ in range(4)]
    target.verify(TokenTree.of(3), pool)
    for logits in found:
        check_states(target, trees()[0], logits, PROMPTS[0][:-1])
    pool.drop_row(0)


@pytest.mark.parametrize("kind", ["mamba", "mamba2", "lfm2"])
def test_chains_of_models_with_states_have_them(kind: str) -> None:
    check_chains(kind)


def check_chains(kind: str) -> None:
    """So many chains cut short that tokens have to be read again, in forwards whose states are not asked for."""
    target = target_of(state_model(kind), name=kind).keeping_hidden_states()
    assert target.capability is not Capability.TREE
    cache = target.new_cache()
    text = [5, 6, 7, 8]
    target.prefill(text, cache)
    for _ in range(12):
        tree = TokenTree.of(9)
        if target.capability is Capability.CHAIN:
            tree.graft("test", chain((10, 11, 12, 13), 0.5), max_depth=9)
        logits = target.verify(tree, cache)
        for node in range(len(tree)):
            found = logits.hidden(node)
            assert found is not None
            expected = hidden_of(target.model, [*text, *tree.tokens[: node + 1]])[-1]
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
        kept = [1] if len(tree) > 1 else []
        cache.keep(len(text), kept)
        text += tree.tokens[: 1 + len(kept)]


def test_nothing_is_kept_or_captured_unless_asked(llama: Target) -> None:
    target = target_of(llama.model, name="own")
    output = target.model.get_output_embeddings()
    cache = target.new_cache()
    target.prefill(PROMPTS[0][:-1], cache)
    without = target.verify(trees()[0], cache)
    assert without.hidden(0) is None
    within = target.keeping_hidden_states().verify(trees()[0], cache)
    assert within.hidden(0) is not None
    assert (within.row(2) == without.row(2)).all()
    assert not output._forward_pre_hooks
    with pytest.raises(IndexError):
        target.keeping_hidden_states().verify(TokenTree.of(10**6), cache)
    assert not output._forward_pre_hooks, "not even after an error"


def test_another_threads_forward_is_not_captured(llama: Target) -> None:
    output = llama.model.get_output_embeddings()
    mine, theirs = torch.zeros(1, 2, 32, dtype=torch.float64), torch.ones(1, 2, 32, dtype=torch.float64)
    with torch.inference_mode(), capture_hidden_states(llama.model, wanted=True) as captured:
        other = threading.Thread(target=lambda: output(theirs))
        other.start()
        other.join()
        output(mine)
    assert len(captured) == 1 and captured[0] is mine


@pytest.mark.parametrize("do_sample", [False, True])
@pytest.mark.parametrize("quality", ["oracle", "wrong", "none"])
def test_a_commit_names_the_node_behind_which_its_last_token_was_chosen(quality: str, do_sample: bool) -> None:
    check_commits(quality, do_sample=do_sample)


def check_commits(quality: str, *, do_sample: bool) -> None:
    """The state there, read by the output matrix, is what the last token was chosen from."""
    target = keeping("qwen3")
    request = Request(PROMPTS[1], 30, sampling=Sampling(do_sample=do_sample, temperature=0.7, seed=4))
    plain = Engine(target, sources=list, budget=Budget()).generate(request).tokens
    end = plain[17]
    plain = plain[: plain.index(end) + 1]
    kinds: dict[str, list[DraftSource]] = {
        "oracle": [Oracle(plain, branches=2)],
        "wrong": [AlwaysWrong(plain)],
        "none": [],
    }
    ended = Request(PROMPTS[1], 30, sampling=request.sampling, eos_ids=frozenset({end}))
    engine = Engine(target, sources=lambda: kinds[quality], budget=Budget(limit=12))
    session = engine.session(ended)
    text: list[int] = [*PROMPTS[1]]
    commits: list[Commit] = []
    for commit in engine.iterate(session):
        text += commit.tokens
        assert commit.verified is not None
        found = commit.verified.hidden(commit.last_node)
        assert found is not None
        torch.testing.assert_close(found, hidden_of(target.model, text[:-1])[-1], rtol=0, atol=1e-9)
        commits.append(commit)
    assert session.tokens == plain
    assert commits[-1].finish_reason is FinishReason.EOS
    if quality == "oracle":
        assert any(commit.last_node > 2 for commit in commits)
