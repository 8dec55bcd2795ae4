"""The token tree: merging, ranking, pruning, masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from decoding.tree import ROOT, TokenTree
from tests.support.fakes import chain

CHAINS = st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.floats(0.05, 1.0)), max_size=8)


def grown(chains: list[tuple[list[int], float]], *, max_depth: int = 6) -> TokenTree:
    tree = TokenTree.of(9)
    for number, (ids, probability) in enumerate(chains):
        tree.graft(f"s{number}", chain(ids, probability), max_depth=max_depth)
    return tree


def paths(tree: TokenTree) -> set[tuple[int, ...]]:
    found = set()
    for node in range(1, len(tree)):
        ids = []
        while node != ROOT:
            ids.append(tree.tokens[node])
            node = tree.parents[node]
        found.add(tuple(reversed(ids)))
    return found


@given(CHAINS, st.integers(1, 6))
def test_the_tree_holds_every_prefix_once(chains: list[tuple[list[int], float]], max_depth: int) -> None:
    tree = grown(chains, max_depth=max_depth)
    prefixes = {tuple(ids[:n]) for ids, _ in chains for n in range(1, min(len(ids), max_depth) + 1)}
    assert paths(tree) == prefixes
    assert tree.drafted == len(prefixes)


@given(CHAINS)
def test_each_node_sees_itself_and_its_ancestors(chains: list[tuple[list[int], float]]) -> None:
    tree = grown(chains)
    mask_NN = tree.ancestor_mask()
    for node in range(len(tree)):
        seen, at = set(), node
        while at >= 0:
            seen.add(at)
            at = tree.parents[at]
        assert set(np.flatnonzero(mask_NN[node]).tolist()) == seen


@given(CHAINS, st.integers(0, 20))
def test_any_head_of_the_ranking_is_a_tree(chains: list[tuple[list[int], float]], size: int) -> None:
    tree = grown(chains)
    ranked = tree.ranked()
    assert sorted(ranked) == list(range(1, len(tree)))
    values = [tree.probabilities[node] for node in ranked]
    assert values == sorted(values, reverse=True)
    cut = tree.pruned(ranked[:size])
    assert cut.drafted == min(size, tree.drafted)
    assert paths(cut) <= paths(tree)
    assert all(parent < node for node, parent in enumerate(cut.parents))


def test_a_node_remembers_who_drafted_it_and_the_better_estimate() -> None:
    tree = TokenTree.of(9)
    tree.graft("spans", chain([1, 2], 0.5), max_depth=9)
    tree.graft("cursor", chain([1, 3], 0.8), max_depth=9)
    assert tree.sources == [(), ("spans", "cursor"), ("spans",), ("cursor",)]
    assert tree.probabilities == [1.0, 0.8, 0.25, 0.8 * 0.8]
