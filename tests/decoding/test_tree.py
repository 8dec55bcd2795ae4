"""The token tree: merging, ranking, pruning, masks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.interfaces import NO_ORIGIN, Origin, OriginKind
from decoding.tree import AT_ROOT, ROOT, DraftTree, TokenTree
from tests.support.drafts import chains
from tests.support.fakes import chain

CHAINS = st.lists(st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.floats(0.05, 1.0)), max_size=8)


def grown(paths: list[tuple[list[int], float]], *, max_depth: int = 6) -> TokenTree:
    tree = TokenTree.of(9)
    for number, (ids, probability) in enumerate(paths):
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


@st.composite
def drafts(draw: st.DrawFn) -> DraftTree:
    """Trees of every shape, with children of one token, too; what may be left out is there or not."""
    size = draw(st.integers(0, 12))
    has_buckets, has_contributors = draw(st.booleans()), draw(st.booleans())
    drawn = draw(st.sets(st.integers(0, size - 1))) if size else set()
    return DraftTree(
        tokens=tuple(draw(st.integers(0, 3)) for _ in range(size)),
        parents=tuple(draw(st.integers(AT_ROOT, node - 1)) for node in range(size)),
        probabilities=tuple(draw(st.floats(0.05, 1.0)) for _ in range(size)),
        origins=tuple(Origin(OriginKind.OUTPUT, 0, node) for node in range(size)),
        buckets=tuple(draw(st.integers(0, 2)) for _ in range(size)) if has_buckets else (),
        contributors=tuple((draw(st.sampled_from("ab")),) for _ in range(size)) if has_contributors else (),
        distributions={node: np.full(4, float(node)) for node in drawn},
    )


def along(draft: DraftTree, node: int) -> list[tuple[object, ...]]:
    """All that a draft says of each node from the root to ``node``, read from its lists."""
    said: list[tuple[object, ...]] = []
    while node != AT_ROOT:
        distribution_V = draft.distributions.get(node)
        said.append(
            (
                draft.tokens[node],
                draft.probabilities[node],
                draft.origins[node],
                draft.buckets[node] if draft.buckets else 0,
                draft.contributors[node] if draft.contributors else (),
                None if distribution_V is None else distribution_V.tolist(),
            )
        )
        node = draft.parents[node]
    return said[::-1]


def leaves(draft: DraftTree) -> list[int]:
    return [node for node in range(len(draft)) if node not in {*draft.parents}]


@given(st.lists(drafts(), max_size=3), st.integers(1, 6))
def test_a_tree_is_grafted_as_its_paths_would_be_one_after_the_other(trees: list[DraftTree], max_depth: int) -> None:
    """Equal node by node: in order, in probabilities to the last digit, in sources and origins."""
    at_once, by_paths = TokenTree.of(9), TokenTree.of(9)
    for draft in trees:
        at_once.graft("s", draft, max_depth=max_depth)
        for path in chains(draft):
            by_paths.graft("s", path, max_depth=max_depth)
    compared = [replace(tree, distributions={}) for tree in (at_once, by_paths)]
    assert compared[0] == compared[1]
    said = [{node: each_V.tolist() for node, each_V in tree.distributions.items()} for tree in (at_once, by_paths)]
    assert said[0] == said[1]


@given(drafts())
def test_leaf_order_names_every_node_once_and_a_parent_first(draft: DraftTree) -> None:
    order = draft.leaf_order()
    assert sorted(order) == list(range(len(draft)))
    numbers = {node: number for number, node in enumerate(order)} | {AT_ROOT: -1}
    assert all(numbers[draft.parents[node]] < numbers[node] for node in order)


@given(drafts(), st.integers(0, 4))
def test_paths_through_an_id_outside_the_vocabulary_are_dropped_whole(draft: DraftTree, vocab_size: int) -> None:
    whole = [along(draft, leaf) for leaf in leaves(draft)]
    inside = draft.within(vocab_size)
    assert [along(inside, leaf) for leaf in leaves(inside)] == [
        path for path in whole if all(isinstance(said[0], int) and said[0] < vocab_size for said in path)
    ]


@given(st.lists(drafts(), max_size=3))
def test_trees_side_by_side_have_the_paths_of_all(trees: list[DraftTree]) -> None:
    beside = DraftTree.side_by_side(trees)
    assert [along(beside, leaf) for leaf in leaves(beside)] == [
        along(tree, leaf) for tree in trees for leaf in leaves(tree)
    ]


@given(drafts())
def test_the_first_chain_is_the_path_to_the_first_leaf(draft: DraftTree) -> None:
    first = draft.first_chain()
    assert [along(first, leaf) for leaf in leaves(first)] == [along(draft, leaf) for leaf in leaves(draft)[:1]]


def test_a_tree_from_paths_has_one_node_a_path() -> None:
    draft = DraftTree.from_paths({(1,): 0.9, (1, 2): 0.8, (3,): 0.1}, bucket=4)
    assert (draft.tokens, draft.parents, draft.probabilities) == ((1, 2, 3), (AT_ROOT, 0, AT_ROOT), (0.9, 0.8, 0.1))
    assert draft.depths() == [1, 2, 1] and draft.buckets == (4, 4, 4)
    assert draft.path(1) == [0, 1]


@pytest.mark.parametrize(
    "lists",
    [
        {"tokens": (1, 2)},
        {"tokens": (1,), "parents": (0,), "probabilities": (0.5,), "origins": (NO_ORIGIN,)},
        {"tokens": (1,), "parents": (-2,), "probabilities": (0.5,), "origins": (NO_ORIGIN,)},
        {"tokens": (1,), "parents": (-1,), "probabilities": (0.5,), "origins": (NO_ORIGIN,), "buckets": (1, 2)},
    ],
    ids=["lengths", "a parent that is its own", "a parent before the root", "too many buckets"],
)
def test_a_malformed_draft_is_refused_where_it_is_made(lists: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="draft tree"):
        DraftTree(**lists)
