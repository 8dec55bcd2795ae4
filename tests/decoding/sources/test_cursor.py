"""The cursor: where copying resumes after every kind of change, and that its estimates are chances."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.interfaces import Edit, OriginKind, Reference, Request
from decoding.sources.rewrite.cursor import Cursor, Edits
from decoding.tree import DraftTree
from tests.support.drafts import proposed

END = 0
SOURCE = (11, 12, 13, 21, 22, 31, 41, 42, 51)
# Five words: 11 12 13 | 21 22 | 31 | 41 42 | 51.
BORDERS = (0, 3, 5, 6, 8, 9)
WORDS = tuple(Edit(start, end, (), 1e-4) for start, end in pairwise(BORDERS))


def drafts_of(
    source: Cursor,
    written: tuple[int, ...] = (),
    edits: tuple[Edit, ...] = WORDS,
    limit: int = 32,
    least_chance: float = 0.0,
) -> list[DraftTree]:
    reference = Reference(SOURCE, cursor=True, edits=edits)
    source.start(Request((99,), 50, references=(Reference((7,)), reference), eos_ids=frozenset({END})))
    return proposed(source, written, limit, least_chance=least_chance)


def likeliest(drafts: list[DraftTree]) -> DraftTree:
    """The chain that always takes the likeliest token."""
    chain = drafts
    for depth in range(99):
        longer = [draft for draft in chain if len(draft.tokens) > depth]
        if not longer:
            break
        best = max(longer, key=lambda draft: draft.probabilities[depth]).tokens[: depth + 1]
        chain = [draft for draft in longer if draft.tokens[: depth + 1] == best]
    return chain[0]


@pytest.mark.parametrize(
    ("written", "next_place"),
    [
        ((), 0),
        ((11, 12), 2),
        ((77,), 3),
        ((77, 78), 3),
        ((11, 77), 3),
        ((11, 12, 13, 77, 31), 6),
        ((11, 12, 13, 31), 6),
        ((11, 12, 13, 77, 21), 4),
        ((41, 42), 8),
        ((11, 12, 13, 21, 22, 31, 41, 42, 51), 9),
    ],
    ids=["start", "copied", "word replaced", "by more tokens", "inside a word", "second word replaced", "word left out",
         "word put in", "three words left out", "end"],
)  # fmt: skip
def test_copying_resumes_where_a_word_begins(written: tuple[int, ...], next_place: int) -> None:
    main = likeliest(drafts_of(Cursor(), written))
    assert main.tokens == (*SOURCE[next_place:], END)
    places = [origin.offset for origin in main.origins if origin.kind is OriginKind.REFERENCE]
    assert places == list(range(next_place, len(SOURCE)))
    assert {origin.index for origin in main.origins[:-1]} <= {1}
    assert main.contributors == (("cursor",),) * len(main.tokens)


def test_branches_leave_a_word_out_inside_the_chain_too() -> None:
    paths = {draft.tokens for draft in drafts_of(Cursor(), limit=64)}
    assert any(path[:3] == (21, 22, 31) for path in paths)
    assert any(path[:5] == (11, 12, 13, 31, 41) for path in paths)


def test_after_a_change_the_chain_is_trusted_less() -> None:
    settled = likeliest(drafts_of(Cursor(), (11, 12, 13, 21)))
    changed = likeliest(drafts_of(Cursor(), (11, 12, 13, 77)))
    assert changed.probabilities[0] < settled.probabilities[0] - 0.1
    assert changed.buckets[0] != settled.buckets[0]


@given(
    st.lists(st.sampled_from((*SOURCE, 77, 78)), max_size=15),
    st.lists(
        st.builds(
            Edit,
            st.integers(-1, 10),
            st.integers(-1, 10),
            st.lists(st.integers(60, 63), max_size=3).map(tuple),
            st.floats(0, 1),
        ),
        max_size=8,
    ),
    st.integers(1, 40),
)
def test_drafts_are_a_tree_of_chances_within_the_limit(written: list[int], edits: list[Edit], limit: int) -> None:
    drafts = drafts_of(Edits(), tuple(written), tuple(edits), limit)
    chances: dict[tuple[int, ...], float] = {(): 1.0}
    for draft in drafts:
        path = 1.0
        for depth, chance in enumerate(draft.probabilities, start=1):
            assert 0 < chance <= 1
            path *= chance
            assert chances.setdefault(draft.tokens[:depth], path) == pytest.approx(path)
            origin = draft.origins[depth - 1]
            if origin.kind is OriginKind.REFERENCE:
                assert SOURCE[origin.offset] == draft.tokens[depth - 1]
    assert len(chances) - 1 <= limit
    for node, chance in chances.items():
        children = [one for path, one in chances.items() if len(path) == len(node) + 1 and path[:-1] == node]
        assert sum(children) <= chance + 1e-9


def test_without_an_end_token_nothing_stands_behind_the_source() -> None:
    source = Cursor()
    source.start(Request((99,), 50, references=(Reference(SOURCE, cursor=True),)))
    drafts = proposed(source, (), 32)
    assert likeliest(drafts).tokens == SOURCE
    assert proposed(source, SOURCE, 32) == []


def test_a_session_over_leaves_nothing() -> None:
    source = Cursor()
    assert drafts_of(source)
    source.finish()
    assert proposed(source, (), 32) == []


def test_what_does_not_pay_is_not_drafted() -> None:
    every_path, likely_path = (
        {one.tokens[:end]: math.prod(one.probabilities[:end]) for one in drafts for end in range(1, 10)}
        for drafts in (drafts_of(Cursor()), drafts_of(Cursor(), least_chance=0.2))
    )
    assert set(likely_path) == {path for path, chance in every_path.items() if chance >= 0.2} < set(every_path)
