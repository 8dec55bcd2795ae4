"""Recycled successors: a table kept from every verified node, and trees whose shape follows what was accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Commit, Request
from decoding.sources.recycled import SUCCESSORS, Recycled, RecycledTable
from decoding.sources.shared import Shared
from decoding.sources.table import make_sources
from decoding.target.target import Target
from tests.support.drafts import proposed
from tests.support.fakes import AlwaysWrong


@dataclass
class Said:
    """What a target would have said: successors of each token, by a table."""

    tokens: Sequence[int]
    table: dict[int, list[int]]

    def top(self, k: int) -> NDArray[np.int64]:
        return np.array([self.table[token][:k] for token in self.tokens])

    def hidden(self, node: int) -> None:
        return None


def commit(tokens: Sequence[int], said: Said | None) -> Commit:
    return Commit(tuple(tokens), ((),) * len(tokens), (), verified=said)


def row(first: int) -> list[int]:
    return [(first + step) % 40 for step in range(SUCCESSORS)]


def prefixes(source: Recycled, output: list[int], limit: int) -> dict[tuple[int, ...], float]:
    """Every drafted path with its chance."""
    found = {}
    for draft in proposed(source, output, limit):
        path = 1.0
        for depth, chance in enumerate(draft.probabilities, start=1):
            path *= chance
            found[draft.tokens[:depth]] = path
    return found


def test_rejected_nodes_are_learned_like_accepted_ones() -> None:
    source = Recycled(RecycledTable())
    source.start(Request((3,), 9))
    assert proposed(source, [], 8) == []
    source.observe(commit([10], Said([3, 20], {3: row(10), 20: row(30)})))
    assert {path[0] for path in prefixes(source, [3], 8)} >= {10, 11}
    assert {path[0] for path in prefixes(source, [20], 8)} >= {30, 31}, "20 was drafted and rejected"
    assert proposed(source, [10], 8) == [], "10 was committed, but nothing was verified behind it"


@pytest.mark.parametrize("limit", [1, 3, 8, 32, 80])
def test_a_tree_has_the_best_paths_of_at_most_limit_nodes(limit: int) -> None:
    source = Recycled(RecycledTable())
    source.start(Request((0,), 9))
    source.observe(commit([1], Said(range(40), {token: row(token + 1) for token in range(40)})))
    drafted = prefixes(source, [0], limit)
    assert len(drafted) == limit
    wider = prefixes(source, [0], limit + 20)
    assert min(drafted.values()) >= max((chance for path, chance in wider.items() if path not in drafted), default=0)
    assert (1,) in drafted, "the likeliest successor comes first"


def test_the_tree_follows_what_is_accepted() -> None:
    source = Recycled(RecycledTable())
    source.start(Request((0,), 9))
    said = Said(range(40), {token: row(token + 1) for token in range(40)})
    source.observe(commit([1], said))
    before = prefixes(source, [0], 16)
    for _ in range(100):  # The target always takes the third best.
        source.observe(commit([3, 6], said))
    after = prefixes(source, [0], 16)
    assert before[1,] > before[3,]
    assert after[3,] > 0.6 > after[1,]
    assert after[3, 6] > before.get((3, 6), 0.0)
    assert {bucket for draft in proposed(source, [0], 16) if draft.tokens[0] == 3 for bucket in draft.buckets} == {2}


def test_the_table_outlives_a_session_and_grows_with_the_vocabulary() -> None:
    shared = Shared()
    (first,) = make_sources(["recycled"], shared)
    first.start(Request((5,), 9))
    first.observe(commit([100_000], Said([5, 100_000], {5: row(7), 100_000: row(9)})))
    first.finish()
    (second,) = make_sources(["recycled"], shared)
    second.start(Request((100_000,), 9))
    assert proposed(second, [], 4)[0].tokens[0] == 9
    assert proposed(second, [99_999], 4) == []
    assert proposed(second, [100_001], 4) == []


def test_without_a_target_nothing_is_learned() -> None:
    source = Recycled(RecycledTable())
    source.start(Request((5,), 9))
    source.observe(commit([6], None))
    assert proposed(source, [5], 4) == []


def test_the_output_stays_and_a_second_run_accepts_drafts(llama: Target) -> None:
    request = Request((5, 6, 7), 60)
    engine = Engine(llama, sources=["recycled"], budget=Budget())
    plain = engine.generate(request, speculate=False)
    runs = [engine.generate(request) for _ in range(2)]
    assert [run.tokens for run in runs] == [plain.tokens] * 2
    assert runs[1].stats.mean_acceptance_length > 1.5
    assert runs[1].stats.by_source["recycled"].accepted > 0


def test_drafts_of_others_that_were_rejected_feed_the_table(llama: Target) -> None:
    plain = Engine(llama, sources=list, budget=Budget()).generate(Request((5, 6, 7), 40)).tokens
    table = RecycledTable()
    engine = Engine(llama, sources=lambda: [Recycled(table), AlwaysWrong(plain)], budget=Budget())
    assert engine.generate(Request((5, 6, 7), 40)).tokens == plain
    rejected = {(token + 1) % llama.vocab_size for token in plain[:36]} - {5, 6, 7, *plain}
    assert rejected
    assert all(len(table.successors(token)) == SUCCESSORS for token in rejected)
