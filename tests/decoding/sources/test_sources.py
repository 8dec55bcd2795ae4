"""What the sources draft, and where they say it came from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.interfaces import NO_ORIGIN, Opening, OriginKind, Reference, Request
from decoding.sources.evidence import EvidenceStarts
from decoding.sources.published.prompt_lookup import PromptLookup
from decoding.sources.rewrite.cursor import Cursor
from decoding.sources.table import make_sources
from decoding.tree import TokenTree
from tests.support.drafts import proposed

TOKENS = st.lists(st.integers(1, 5), min_size=1, max_size=40)


def cursor_over(ids: tuple[int, ...]) -> Cursor:
    source = Cursor()
    source.start(Request((99,), 50, references=(Reference(ids, cursor=True),), eos_ids=frozenset({0})))
    return source


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ((), (1, 2, 3, 4, 5, 6, 0)),
        ((1, 2), (3, 4, 5, 6, 0)),
        ((1, 9), (3, 4, 5, 6, 0)),
        ((1, 2, 9, 3), (4, 5, 6, 0)),
        ((2, 3), (4, 5, 6, 0)),
        ((1, 2, 3, 4, 5, 6), (0,)),
    ],
    ids=["start", "copied", "replaced", "inserted", "deleted", "end"],
)
def test_the_cursor_goes_on_after_every_kind_of_edit(written: tuple[int, ...], expected: tuple[int, ...]) -> None:
    drafts = proposed(cursor_over((1, 2, 3, 4, 5, 6)), written, 32)
    assert drafts[0].tokens == expected
    copied = [origin.offset for origin in drafts[0].origins if origin.kind is OriginKind.REFERENCE]
    assert copied == list(range(6 - len(expected) + 1, 6))


def test_the_cursor_is_silent_without_a_text_to_rewrite() -> None:
    source = Cursor()
    source.start(Request((1, 2, 3), 10, references=(Reference((1, 2, 3)),)))
    assert proposed(source, (1,), 8) == []


QUOTABLE = (
    Reference((1, 2, 3), prompt_start=4, lead=(9, 8)),
    Reference((5, 6)),
    Reference((4, 2), lead=(9, 7)),
)


def test_evidence_begins_with_the_best_pieces_and_goes_on_behind_a_whole_one() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE))
    assert [draft.tokens for draft in proposed(source, (), 32)] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert proposed(source, (9, 8, 1, 2), 32) == []
    (behind,) = proposed(source, (9, 8, 1, 2, 3), 32)
    assert behind.tokens == (9, 7, 4, 2)
    assert [(origin.kind, origin.index, origin.offset) for origin in behind.origins] == [
        (OriginKind.NONE, 0, 0), (OriginKind.NONE, 0, 0), (OriginKind.REFERENCE, 2, 0), (OriginKind.REFERENCE, 2, 1),
    ]  # fmt: skip
    assert proposed(source, (9, 8, 1, 2, 3, 9, 7, 4, 2), 32) == []


def test_an_opening_is_drafted_whole_and_to_its_end_once_begun() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 0.9), Opening((), 0.1))))
    opening, *quotations = proposed(source, (), 32)
    assert (opening.tokens, opening.probabilities[0]) == ((6, 5, 4), 0.9)
    assert all(origin == NO_ORIGIN for origin in opening.origins)
    assert [draft.tokens for draft in quotations] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert opening.probabilities[0] + quotations[0].probabilities[0] <= 1
    (rest,) = proposed(source, (6,), 32)
    assert rest.tokens == (5, 4)
    assert rest.probabilities[0] > 0.9
    assert rest.buckets[0] != opening.buckets[0] != quotations[0].buckets[0]
    assert proposed(source, (6, 5, 4), 32) == []
    assert [draft.tokens for draft in proposed(source, (9, 8, 1, 2, 3), 32)] == [(9, 7, 4, 2)]


def test_pieces_that_begin_alike_share_their_chance_until_they_part() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=(*QUOTABLE, Reference((7, 3), lead=(9, 8)))))
    first, second, third = proposed(source, (), 32)
    assert [draft.probabilities[0] for draft in (first, second, third)] == pytest.approx([0.78] * 3), (
        "every piece begins with 9"
    )
    alike, parted = first.probabilities[1], third.probabilities[1]
    assert alike == pytest.approx(parted) and alike > second.probabilities[1]
    tree = TokenTree.of(99)
    for draft in (first, second, third):
        tree.graft("evidence", draft, max_depth=32)
    paths = [tree.probabilities[leaf] for leaf in range(1, len(tree)) if not tree.children[leaf]]
    assert paths[0] == pytest.approx(0.55, rel=0.1) and sum(paths) < 0.78
    assert all(sum(tree.probabilities[one] for one in found.values()) <= 1 for found in tree.children)


def test_pieces_are_drafted_beside_an_opening_that_is_certain() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 1.0),)))
    opening, *quotations = proposed(source, (), 32)
    assert opening.probabilities[0] == 1.0
    assert [draft.tokens for draft in quotations] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert all(0 < chance < 0.02 for chance in (draft.probabilities[0] for draft in quotations))


def test_an_opening_that_is_not_expected_takes_no_room_but_is_finished_if_it_comes() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 0.001),)))
    assert [draft.tokens for draft in proposed(source, (), 32)] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert [draft.tokens for draft in proposed(source, (6, 5), 32)] == [(4,)]


@pytest.mark.parametrize("limit", range(1, 6))
def test_evidence_keeps_to_its_limit(limit: int) -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 0.5),)))
    for draft in proposed(source, (), limit):
        assert len(draft.tokens) == len(draft.probabilities) == len(draft.origins) <= limit


@given(TOKENS, st.lists(st.integers(1, 5), max_size=12))
def test_prompt_lookup_is_hugging_faces_rule(prompt: list[int], output: list[int]) -> None:
    import torch
    from transformers.generation.candidate_generator import PromptLookupCandidateGenerator

    source = PromptLookup(max_ngram=2, num_tokens=10)
    source.start(Request(tuple(prompt), 99))
    ours = [draft.tokens for draft in proposed(source, output, 32)]
    text = torch.tensor([prompt + output])
    theirs = PromptLookupCandidateGenerator(
        num_output_tokens=10, max_matching_ngram_size=2, max_length=1000
    ).get_candidates(text)[0][0, text.shape[1] :]
    assert ours == ([tuple(theirs.tolist())] if len(theirs) else [])


def test_sources_come_fresh_for_every_session() -> None:
    first, second = make_sources(("prompt-lookup",))[0], make_sources(("prompt-lookup",))[0]
    first.start(Request((1, 2, 1), 9))
    second.start(Request((3, 4, 3), 9))
    assert proposed(first, [], 4)[0].tokens[0] == 2
    assert proposed(second, [], 4)[0].tokens[0] == 4
