"""Likely edits: where chains leave the source, where they come back to it, and what that takes from copying."""

from __future__ import annotations

import pytest

from decoding.interfaces import NO_ORIGIN, Edit, Reference, Request
from decoding.sources.rewrite.cursor import Cursor, Edits
from decoding.tree import DraftTree
from tests.support.drafts import proposed

END = 0
SOURCE = (1, 2, 3, 4, 5, 6, 7, 8)


def begun(source: Cursor, *edits: Edit) -> Cursor:
    reference = Reference(SOURCE, cursor=True, edits=edits)
    source.start(Request((99,), 50, references=(reference,), eos_ids=frozenset({END})))
    return source


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


def test_the_main_chain_goes_through_edits_that_are_likely_and_goes_on_behind_each() -> None:
    source = begun(Edits(), Edit(1, 3, (20, 21), 0.9), Edit(4, 4, (22,), 0.8), Edit(6, 7, (), 0.9))
    main = likeliest(proposed(source, (), 32))
    assert main.tokens == (1, 20, 21, 4, 22, 5, 6, 8, END)
    names = [name for (name,) in main.contributors]
    assert names == ["cursor", "edits", "edits", "cursor", "edits", "cursor", "cursor", "cursor", "cursor"]
    assert [origin is NO_ORIGIN for origin in main.origins] == [name == "edits" for name in names[:-1]] + [True]


def test_an_unlikely_edit_is_a_branch_that_comes_back_to_the_source() -> None:
    drafts = proposed(begun(Edits(), Edit(2, 3, (30,), 0.2)), (), 32)
    assert likeliest(drafts).tokens == (*SOURCE, END)
    branch = next(draft for draft in drafts if 30 in draft.tokens)
    assert branch.tokens[:4] == (1, 2, 30, 4)
    assert branch.probabilities[2] == pytest.approx(0.2, rel=0.05)


def test_what_edits_may_take_copying_does_not_have() -> None:
    def copied(*edits: Edit) -> float:
        return likeliest(proposed(begun(Edits(), *edits), (), 32)).probabilities[0]

    certain = copied()
    assert copied(Edit(0, 1, (30,), 0.2), Edit(0, 0, (31,), 0.1)) == pytest.approx(0.7 * certain, rel=0.02)
    assert copied(Edit(0, 1, (30,), 0.45), Edit(0, 1, (31,), 0.9)) < 0.7


def test_an_edit_begun_is_carried_on_and_one_taken_is_behind() -> None:
    source = begun(Edits(), Edit(1, 2, (30, 31, 32), 0.05))
    assert likeliest(proposed(source, (1, 30), 32)).tokens[:3] == (31, 32, 3)
    assert likeliest(proposed(source, (1, 30, 31, 32), 32)).tokens[:2] == (3, 4)


def test_an_edit_not_taken_as_expected_ends_at_its_end() -> None:
    source = begun(Edits(), Edit(1, 4, (30, 31), 0.3))
    assert likeliest(proposed(source, (1, 30, 77), 32)).tokens[:2] == (5, 6)


def test_the_cursor_knows_of_edits_but_drafts_none() -> None:
    edit = Edit(1, 3, (20,), 0.6)
    plain = proposed(begun(Cursor(), edit), (), 32)
    assert all(20 not in draft.tokens for draft in plain)
    assert likeliest(plain).probabilities[1] < 0.5
    assert likeliest(proposed(begun(Cursor(), edit), (1, 20), 32)).tokens[:2] == (4, 5)


def test_without_edits_both_sources_draft_the_same() -> None:
    assert proposed(begun(Edits()), (1, 9, 3), 32) == proposed(begun(Cursor()), (1, 9, 3), 32)


def test_a_second_session_is_a_fresh_one() -> None:
    source = begun(Edits(), Edit(0, 1, (20,), 0.9))
    proposed(source, (20, 2, 3), 32)
    begun(source)
    assert likeliest(proposed(source, (), 32)).tokens == (*SOURCE, END)


def test_edits_that_lie_outside_the_source_do_nothing() -> None:
    wrong = (Edit(3, 2, (20,), 0.9), Edit(8, 9, (21,), 0.9), Edit(-1, 1, (22,), 0.9), Edit(1, 2, (23,), 0.0))
    assert proposed(begun(Edits(), *wrong), (), 32) == proposed(begun(Edits()), (), 32)


def test_what_may_be_written_behind_the_last_token_is_drafted_too() -> None:
    drafts = proposed(begun(Edits(), Edit(8, 8, (40,), 0.6)), SOURCE, 32)
    assert likeliest(drafts).tokens == (40, END)
    assert any(draft.tokens == (END,) for draft in drafts)
