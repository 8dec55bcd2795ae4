"""Forwards in fixed shapes give what eager ones give, whatever joins, leaves, grows or cannot be captured.

What runs here is what runs on a GPU, but for the capture: there a CUDA graph, here the recorded work itself.
"""

from __future__ import annotations

import gc
import itertools
import logging
import random
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from decoding.cuda import graphs, grouped_attention
from decoding.cuda.graphs import KEYS_STEP, NODES, Bucket, CudaGraphs, StaticRunner, Work, bucket_for
from decoding.cuda.pool_cache import PoolCache
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Request, Sampling
from decoding.scheduling.session import Session
from decoding.sources.table import DEFAULT_SOURCES, make_sources
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache
from decoding.tree import TokenTree
from tests.decoding.target.test_sliding import MODELS as SLIDING
from tests.support.fakes import ARCHITECTURES, VOCABULARY, Oracle, chain, tiny_model

PROMPT = (5, 6, 7, 8, 9, 5, 6, 7)


@dataclass
class Recorded:
    """A capture that keeps the work and does it again: a CUDA graph without CUDA. ``made`` counts recordings."""

    made: int = 0
    replays: list[int] = field(default_factory=list)

    def __call__(self, work: Work) -> Work:
        number, self.made = self.made, self.made + 1

        def replay() -> None:
            self.replays.append(number)
            work()

        return replay


def pooled(target: Target, *, rows: int = 8, tokens: int = 64, most: int = 96) -> tuple[PoolCache, Recorded]:
    like, recorded = target.new_cache(), Recorded()
    assert isinstance(like, TreeCache)
    target.prefill([0], like)
    pool = PoolCache(like, rows=rows, tokens=tokens)
    pool.run_with(StaticRunner(target, pool, lambda: recorded, most=most))
    return pool, recorded


def runner_of(pool: TreeCache) -> StaticRunner:
    assert isinstance(pool.runner, StaticRunner)
    return pool.runner


@dataclass
class Mirror:
    """Rows of a pool beside the same rows in caches of their own, which are read without it."""

    target: Target
    pool: PoolCache
    rng: random.Random
    alone: list[TreeCache] = field(default_factory=list)
    tolerance: float = 1e-9

    def join(self, length: int) -> None:
        cache = self.target.new_cache()
        assert isinstance(cache, TreeCache)
        self.target.prefill([self.rng.randrange(VOCABULARY) for _ in range(length)], cache)
        self.pool.add_row(cache)
        self.alone.append(cache)

    def leave(self, row: int) -> None:
        self.pool.drop_row(row)
        self.alone[row] = self.alone[-1]
        self.alone.pop()

    def step(self, most: int = 12) -> list[np.ndarray]:
        trees = [self.tree(self.rng.randrange(most)) for _ in self.alone]
        together = self.target.verify_rows(trees, self.pool)
        own = [self.target.verify(tree, cache) for tree, cache in zip(trees, self.alone, strict=True)]
        paths = [self.path(tree) for tree in trees]
        for tree, ours, theirs in zip(trees, together, own, strict=True):
            for node in range(len(tree)):
                np.testing.assert_allclose(ours.row(node), theirs.row(node), rtol=0, atol=self.tolerance)
                assert ours.greedy(node) == theirs.greedy(node)
        self.pool.keep_rows(paths)
        for cache, path in zip(self.alone, paths, strict=True):
            cache.keep_rows([path])
        assert list(self.pool.lengths) == [cache.length for cache in self.alone]
        return [logits.row(0) for logits in own]

    def tree(self, nodes: int) -> TokenTree:
        tree = TokenTree.of(self.rng.randrange(VOCABULARY))
        while tree.drafted < nodes:
            ids = [self.rng.randrange(4) for _ in range(self.rng.randrange(1, 7))]
            tree.graft("random", chain(ids, 0.5), max_depth=40)
        return tree.pruned(range(1, nodes + 1))

    def path(self, tree: TokenTree) -> Sequence[int] | None:
        if self.rng.random() < 0.1:
            return None
        path: list[int] = []
        children = [*tree.children[0].values()]
        while children and self.rng.random() < 0.8:
            path.append(self.rng.choice(children))
            children = [*tree.children[path[-1]].values()]
        return path

    def check_buffers(self) -> None:
        for row, cache in enumerate(self.alone):
            for ours, theirs in zip(self.pool.layers, cache.layers, strict=True):
                for name in ("keys", "values"):
                    kept = getattr(ours, name)[row, :, : cache.length]
                    assert torch.allclose(kept, getattr(theirs, name)[0, :, : cache.length], rtol=0, atol=1e-9)


def test_the_bucket_is_the_least_that_holds_the_forward() -> None:
    keys = [KEYS_STEP << power for power in range(8)]
    steps = sorted([*keys, *(one * 3 // 2 for one in keys)])
    for rows, nodes, longest in itertools.product(range(1, 13), (1, 2, 3, 9, 33, 49, 128), (0, 1, 200, 255, 700, 4000)):
        bucket = bucket_for(rows, nodes, longest, room=(12, 1000))
        assert bucket is not None
        assert bucket.rows == min(size for size in (1, 2, 4, 8, 12) if size >= rows)
        assert bucket.nodes == min(size for size in NODES if size >= nodes)
        need = longest + bucket.nodes
        assert bucket.keys == min(1000 if need <= 1000 else 10**9, *(step for step in steps if step >= need))
    assert bucket_for(1, NODES[-1] + 1, 0, room=(8, 1000)) is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_fixed_shapes_give_the_eager_logits(targets: dict[str, Target], architecture: str, rows: int) -> None:
    """Random trees and acceptances, through replayed buckets and a growth of the cache."""
    pool, recorded = pooled(targets[architecture], rows=rows)
    mirror = Mirror(targets[architecture], pool, random.Random(rows))
    for row in range(rows):
        mirror.join(9 + 4 * row)
    while pool.generation == 1 or not recorded.replays:
        mirror.step()
    for _ in range(6):
        mirror.step()
    mirror.check_buffers()


@pytest.mark.parametrize("name", SLIDING)
def test_windows_and_masks_by_kind(name: str) -> None:
    torch.manual_seed(3)
    target = target_of(SLIDING[name]().double().eval(), name=name)
    pool, recorded = pooled(target, rows=2)
    # Gemma 2 takes its softmax in float32, whatever its weights are.
    mirror = Mirror(target, pool, random.Random(name), tolerance=1e-5 if name == "gemma2" else 1e-9)
    mirror.join(20)
    mirror.join(5)
    for _ in range(6):
        mirror.step()
    assert recorded.replays


def test_rows_come_and_go_in_a_long_run(llama: Target) -> None:
    pool, recorded = pooled(llama, rows=8)
    mirror = Mirror(llama, pool, random.Random(5))
    for turn in range(80):
        full = [row for row, cache in enumerate(mirror.alone) if cache.length > 180]
        for row in reversed(full):
            mirror.leave(row)
        if len(mirror.alone) > 1 and mirror.rng.random() < 0.2:
            mirror.leave(mirror.rng.randrange(len(mirror.alone)))
        while not mirror.alone or (len(mirror.alone) < 8 and mirror.rng.random() < 0.3):
            mirror.join(mirror.rng.randrange(0 if turn % 9 else 1, 60))
        mirror.step(most=40 if turn % 5 == 0 else 8)
    mirror.check_buffers()
    assert len(recorded.replays) > 30


def test_what_no_row_holds_is_never_seen(llama: Target) -> None:
    """Padding may stand on anything: whatever lies behind the committed tokens changes no logit."""
    pool, _ = pooled(llama, rows=4, tokens=256)
    mirror = Mirror(llama, pool, random.Random(7))
    for length in (3, 30, 11):
        mirror.join(length)
    for _ in range(4):
        for layer, row in itertools.product(pool.layers, range(4)):
            used = pool.lengths[row] if row < len(pool.lengths) else 0
            with torch.inference_mode():
                layer.keys[row, :, used:] = 50.0
                layer.values[row, :, used:] = -50.0
        mirror.step()


def test_a_bucket_is_captured_on_its_second_use_and_again_after_growth(llama: Target) -> None:
    pool, recorded = pooled(llama, rows=1, tokens=128)
    mirror = Mirror(llama, pool, random.Random(1))
    mirror.join(20)
    seen = []
    for _ in range(4):
        llama.verify_rows([mirror.tree(3)], pool)
        seen.append((recorded.made, len(recorded.replays), pool.is_warm))
    assert seen == [(0, 0, False), (1, 1, False), (1, 2, True), (1, 3, True)]
    assert runner_of(pool).buckets == (Bucket(1, 4, 128),)
    blocks = [layer.keys.data_ptr() for layer in pool.layers]
    pool.reserve(200)
    assert [layer.keys.data_ptr() for layer in pool.layers] != blocks
    llama.verify_rows([mirror.tree(3)], pool)
    assert recorded.made == 1
    llama.verify_rows([mirror.tree(3)], pool)
    assert (recorded.made, recorded.replays[-1]) == (2, 1), "the old graph is never replayed again"


def test_buckets_are_bounded_and_the_oldest_goes(llama: Target) -> None:
    pool, _ = pooled(llama, rows=1, tokens=256, most=2)
    mirror = Mirror(llama, pool, random.Random(1))
    mirror.join(5)
    for nodes in (0, 1, 0, 3):
        llama.verify_rows([mirror.tree(nodes)], pool)
    assert [bucket.nodes for bucket in runner_of(pool).buckets] == [1, 4]


def test_logits_stay_true_in_later_forwards(llama: Target) -> None:
    pool, recorded = pooled(llama, rows=1, tokens=256)
    mirror = Mirror(llama, pool, random.Random(1))
    mirror.join(5)
    trees = [mirror.tree(3) for _ in range(4)]
    kept = [llama.verify_rows([tree], pool)[0] for tree in trees]
    fresh = [llama.verify(tree, mirror.alone[0]) for tree in trees]
    assert recorded.replays
    for ours, theirs in zip(kept, fresh, strict=True):
        np.testing.assert_allclose(ours.row(1), theirs.row(1), rtol=0, atol=1e-9)


def test_more_nodes_than_any_bucket_are_verified_eagerly(llama: Target) -> None:
    pool, _ = pooled(llama, rows=2, tokens=64)
    mirror = Mirror(llama, pool, random.Random(4))
    mirror.join(5)
    mirror.join(9)
    tree = mirror.tree(NODES[-1] + 5)
    ours = llama.verify_rows([tree, TokenTree.of(3)], pool)
    assert runner_of(pool).buckets == ()
    np.testing.assert_allclose(ours[0].row(130), llama.verify(tree, mirror.alone[0]).row(130), rtol=0, atol=1e-9)


def jobs(count: int) -> list[Request]:
    rng = random.Random(count)
    return [
        Request(
            tuple(rng.randrange(1, VOCABULARY) for _ in range(4 + 9 * number)) + PROMPT,
            20 + 3 * number,
            sampling=Sampling(do_sample=number % 3 == 2, temperature=1.2, seed=number),
        )
        for number in range(count)
    ]


def interleave(engine: Engine, sessions: Sequence[Session]) -> None:
    streams = [engine.iterate(session) for session in sessions]
    while streams:
        streams = [stream for stream in streams if next(stream, None) is not None]


@pytest.fixture
def in_fixed_shapes(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[Target, list[Recorded]]]:
    """A target whose batches run in fixed shapes, with the recordings of each."""

    def made(architecture: str) -> tuple[Target, list[Recorded]]:
        recordings: list[Recorded] = []
        target = target_of(tiny_model(architecture).double(), name=architecture)

        def record() -> Recorded:
            recordings.append(Recorded())
            return recordings[-1]

        monkeypatch.setattr(graphs, "_capture_of", lambda _: record)
        return target, recordings

    return made


@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_sessions_write_what_they_write_alone(in_fixed_shapes: Any, llama: Target, rows: int) -> None:
    target, recordings = in_fixed_shapes("llama")
    wanted = jobs(8 if rows > 1 else 3)
    alone = [Engine(llama, sources=list, budget=Budget()).generate(job).tokens for job in wanted]
    shared = Engine(
        target, sources=lambda: make_sources(DEFAULT_SOURCES), budget=Budget(limit=16), max_rows=rows, graphs=True
    )
    for some in (slice(5), slice(2, 8)):  # The pool stays when the last row has left.
        sessions = [shared.session(job) for job in wanted[some]]
        interleave(shared, sessions)
        assert [session.tokens for session in sessions] == alone[some]
    assert sum(len(recorded.replays) for recorded in recordings) > 20
    assert len(recordings) == 1, "one pool, which never grew"


def test_cancelled_and_parked_sessions(in_fixed_shapes: Any, llama: Target) -> None:
    target, _ = in_fixed_shapes("llama")
    first, second, third = jobs(3)
    alone = [Engine(llama, sources=list, budget=Budget()).generate(job).tokens for job in (first, third)]
    shared = Engine(target, sources=list, budget=Budget(), max_rows=2, graphs=True)
    sessions = [shared.session(job) for job in (first, second)]
    streams = [shared.iterate(session) for session in sessions]
    for stream in streams:
        next(stream)
    sessions[1].cancel()
    assert shared.generate(third).tokens == alone[1]  # Meanwhile nobody reads the first one, which is parked.
    [*streams[0]], [*streams[1]]
    assert sessions[0].tokens == alone[0]


def test_what_cannot_be_captured_decodes_eagerly_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Work) -> Work:
        raise RuntimeError("operation not permitted when stream is capturing\nmore of it")

    target = target_of(tiny_model("llama").double())
    expected = Engine(target, sources=list, budget=Budget()).generate(Request(PROMPT, 40)).tokens
    monkeypatch.setattr(graphs, "_capture_of", lambda _: lambda: refuse)
    engine = Engine(target, sources=lambda: [Oracle(expected, length=3)], budget=Budget(), graphs=True)
    with caplog.at_level(logging.WARNING):
        assert engine.generate(Request(PROMPT, 40)).tokens == expected
        assert engine.generate(Request(PROMPT, 40)).tokens == expected
    assert [record.message for record in caplog.records] == [
        "this model decodes without CUDA graphs: operation not permitted when stream is capturing"
    ]
    assert engine.graphs_note == (
        "no: the model could not be captured: operation not permitted when stream is capturing"
    )
    again = Engine(target, sources=list, budget=Budget(), graphs=engine.graphs)
    assert again.generate(Request(PROMPT, 40)).tokens == expected
    assert len(caplog.records) == 1, "another engine on the target does not try it again"
    assert again.graphs_note == engine.graphs_note
    tried = CudaGraphs(target_of(tiny_model("llama").double()), enabled=True)
    assert tried.try_out() == engine.graphs_note
    assert tried.pool(1) is None, "it is not tried again"
    assert tried.note == engine.graphs_note


def test_the_note_says_why_there_are_no_graphs() -> None:
    target = target_of(tiny_model("llama"))
    assert Engine(target, sources=list, budget=Budget()).graphs_note == "no: the target is not on a CUDA device"
    assert Engine(target, sources=list, budget=Budget(), graphs=False).graphs_note == "no: switched off"


def test_trying_out_captures(in_fixed_shapes: Any) -> None:
    target, recordings = in_fixed_shapes("llama")
    assert CudaGraphs(target, enabled=True).try_out() == "no: fixed shapes without graphs, which need a CUDA device"
    assert recordings[0].replays == [0, 0]


def test_costs_are_measured_in_the_shapes_that_run(in_fixed_shapes: Any) -> None:
    target, recordings = in_fixed_shapes("llama")
    assert Budget.measured(target, limit=8, graphs=CudaGraphs(target, enabled=True)).costs.by_size
    assert recordings[0].made == 5  # 1, 2, 4, 8 and 16 nodes.


def test_buffers_go_with_their_pool(llama: Target) -> None:
    """Not with the garbage collector, which does not know how full a GPU is."""
    gc.disable()
    try:
        pool, _ = pooled(llama, rows=1)
        mirror = Mirror(llama, pool, random.Random(1))
        mirror.join(5)
        mirror.step()
        left = [weakref.ref(pool), weakref.ref(mirror.alone[0])]
        del pool, mirror
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("queries", [1, 5])
def test_heads_that_share_keys_give_transformers_own_sums(queries: int) -> None:
    generator = torch.Generator().manual_seed(queries)
    query, key, value = (
        torch.randn(2, count, length, 16, dtype=torch.float64, generator=generator)
        for count, length in ((6, queries), (2, 30), (2, 30))
    )
    module = torch.nn.Module()
    module.num_key_value_groups = 3  # type: ignore[assignment]
    mask = torch.zeros(2, 1, queries, 30, dtype=torch.float64)
    mask[torch.rand(mask.shape, generator=generator) < 0.5] = torch.finfo(torch.float64).min
    ours, _ = grouped_attention.attend(module, query, key, value, mask, scaling=0.3, is_causal=True)
    theirs, _ = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3, is_causal=True)
    assert ours.shape == theirs.shape == (2, queries, 6, 16)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-12)


def test_a_model_has_its_own_attention_back_after_a_forward(llama: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    attend = grouped_attention.attend

    def count(*args: Any, **options: Any) -> Any:
        calls.append(args[1].shape)
        return attend(*args, **options)

    monkeypatch.setattr(grouped_attention, "attend", count)
    # As a model on a GPU has it; on a CPU it attends by a function of ours.
    monkeypatch.setattr(llama.model.config, "_attn_implementation_internal", "sdpa")
    pool, _ = pooled(llama, rows=1)
    Mirror(llama, pool, random.Random(1)).join(4)
    llama.verify_rows([TokenTree.of(3)], pool)
    assert len(calls) == 2, "once a layer"
    assert llama.model.config._attn_implementation == "sdpa"
    with pytest.raises(ZeroDivisionError), grouped_attention.grouped_attention(llama.model):
        1 / 0
    assert llama.model.config._attn_implementation == "sdpa"
