"""What the sources draft, and where they say it came from."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.interfaces import NO_ORIGIN, Opening, OriginKind, Reference, Request
from decoding.sources import make_sources
from decoding.sources.evidence import EvidenceStarts
from decoding.sources.published.prompt_lookup import PromptLookup
from decoding.sources.rewrite.cursor import Cursor
from decoding.sources.spans import Spans
from decoding.tree import TokenTree

TOKENS = st.lists(st.integers(1, 5), min_size=1, max_size=40)


@given(TOKENS, st.lists(TOKENS, max_size=3), st.lists(st.integers(1, 5), max_size=12), st.integers(1, 32))
def test_spans_drafts_only_what_follows_the_last_token_somewhere(
    prompt: list[int], references: list[list[int]], output: list[int], limit: int
) -> None:
    source = Spans()
    source.start(Request(tuple(prompt), 99, references=tuple(Reference(tuple(ids)) for ids in references)))
    texts = [prompt + output, *references]
    last = (prompt + output)[-1]
    drafts = source.propose(output, limit)
    for draft in drafts:
        run = [last, *draft.tokens]
        assert any(run == text[at : at + len(run)] for text in texts for at in range(len(text)))
        assert all(0 < probability <= 1 for probability in draft.probabilities)
        for token, origin in zip(draft.tokens, draft.origins, strict=True):
            if origin.kind is OriginKind.REFERENCE:
                assert references[origin.index][origin.offset] == token
            if origin.kind is OriginKind.OUTPUT:
                assert output[origin.offset] == token
    prefixes = {draft.tokens[:n] for draft in drafts for n in range(1, len(draft.tokens) + 1)}
    assert len(prefixes) <= limit


def test_spans_prefers_the_longer_match_and_knows_its_place() -> None:
    source = Spans()
    reference = (1, 2, 3, 4, 5, 6)
    source.start(Request((9, 3, 8, 9, 3, 7, 0, 2, 3), 20, references=(Reference(reference),)))
    best = max(source.propose([], 16), key=lambda draft: draft.probabilities[0])
    assert best.tokens[:3] == (4, 5, 6)
    assert [origin.offset for origin in best.origins[:3]] == [3, 4, 5]


def test_spans_takes_up_the_output_as_it_grows() -> None:
    source = Spans()
    source.start(Request((1,), 20))
    assert source.propose([], 8) == []
    assert source.propose([7, 8, 9, 7], 8)[0].tokens[:2] == (8, 9)


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
    drafts = cursor_over((1, 2, 3, 4, 5, 6)).propose(written, 32)
    assert drafts[0].tokens == expected
    copied = [origin.offset for origin in drafts[0].origins if origin.kind is OriginKind.REFERENCE]
    assert copied == list(range(6 - len(expected) + 1, 6))


def test_the_cursor_is_silent_without_a_text_to_rewrite() -> None:
    source = Cursor()
    source.start(Request((1, 2, 3), 10, references=(Reference((1, 2, 3)),)))
    assert source.propose((1,), 8) == []


QUOTABLE = (
    Reference((1, 2, 3), prompt_start=4, lead=(9, 8)),
    Reference((5, 6)),
    Reference((4, 2), lead=(9, 7)),
)


def test_evidence_begins_with_the_best_pieces_and_goes_on_behind_a_whole_one() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE))
    assert [draft.tokens for draft in source.propose((), 32)] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert source.propose((9, 8, 1, 2), 32) == []
    (behind,) = source.propose((9, 8, 1, 2, 3), 32)
    assert behind.tokens == (9, 7, 4, 2)
    assert [(origin.kind, origin.index, origin.offset) for origin in behind.origins] == [
        (OriginKind.NONE, 0, 0), (OriginKind.NONE, 0, 0), (OriginKind.REFERENCE, 2, 0), (OriginKind.REFERENCE, 2, 1),
    ]  # fmt: skip
    assert source.propose((9, 8, 1, 2, 3, 9, 7, 4, 2), 32) == []


def test_an_opening_is_drafted_whole_and_to_its_end_once_begun() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 0.9), Opening((), 0.1))))
    opening, *quotations = source.propose((), 32)
    assert (opening.tokens, opening.probabilities[0]) == ((6, 5, 4), 0.9)
    assert all(origin == NO_ORIGIN for origin in opening.origins)
    assert [draft.tokens for draft in quotations] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert opening.probabilities[0] + quotations[0].probabilities[0] <= 1
    (rest,) = source.propose((6,), 32)
    assert rest.tokens == (5, 4)
    assert rest.probabilities[0] > 0.9
    assert rest.bucket != opening.bucket != quotations[0].bucket
    assert source.propose((6, 5, 4), 32) == []
    assert [draft.tokens for draft in source.propose((9, 8, 1, 2, 3), 32)] == [(9, 7, 4, 2)]


def test_pieces_that_begin_alike_share_their_chance_until_they_part() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=(*QUOTABLE, Reference((7, 3), lead=(9, 8)))))
    first, second, third = source.propose((), 32)
    assert [draft.probabilities[0] for draft in (first, second, third)] == pytest.approx([0.78] * 3), (
        "every piece begins with 9"
    )
    alike, parted = first.probabilities[1], third.probabilities[1]
    assert alike == pytest.approx(parted) and alike > second.probabilities[1]
    tree = TokenTree.of(99)
    for draft in (first, second, third):
        tree.add("evidence", draft, max_depth=32)
    paths = [tree.probabilities[leaf] for leaf in range(1, len(tree)) if not tree.children[leaf]]
    assert paths[0] == pytest.approx(0.55, rel=0.1) and sum(paths) < 0.78
    assert all(sum(tree.probabilities[one] for one in found.values()) <= 1 for found in tree.children)


def test_pieces_are_drafted_beside_an_opening_that_is_certain() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 1.0),)))
    opening, *quotations = source.propose((), 32)
    assert opening.probabilities[0] == 1.0
    assert [draft.tokens for draft in quotations] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert all(0 < chance < 0.02 for chance in (draft.probabilities[0] for draft in quotations))


def test_an_opening_that_is_not_expected_takes_no_room_but_is_finished_if_it_comes() -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 0.001),)))
    assert [draft.tokens for draft in source.propose((), 32)] == [(9, 8, 1, 2, 3), (9, 7, 4, 2)]
    assert [draft.tokens for draft in source.propose((6, 5), 32)] == [(4,)]


@pytest.mark.parametrize("limit", range(1, 6))
def test_evidence_keeps_to_its_limit(limit: int) -> None:
    source = EvidenceStarts()
    source.start(Request((99,), 20, references=QUOTABLE, openings=(Opening((6, 5, 4), 0.5),)))
    for draft in source.propose((), limit):
        assert len(draft.tokens) == len(draft.probabilities) == len(draft.origins) <= limit


@given(TOKENS, st.lists(st.integers(1, 5), max_size=12))
def test_prompt_lookup_is_hugging_faces_rule(prompt: list[int], output: list[int]) -> None:
    import torch
    from transformers.generation.candidate_generator import PromptLookupCandidateGenerator

    source = PromptLookup(max_ngram=2, num_tokens=10)
    source.start(Request(tuple(prompt), 99))
    ours = [draft.tokens for draft in source.propose(output, 32)]
    text = torch.tensor([prompt + output])
    theirs = PromptLookupCandidateGenerator(
        num_output_tokens=10, max_matching_ngram_size=2, max_length=1000
    ).get_candidates(text)[0][0, text.shape[1] :]
    assert ours == ([tuple(theirs.tolist())] if len(theirs) else [])


def test_sources_come_fresh_for_every_session() -> None:
    first, second = make_sources(("spans",))[0], make_sources(("spans",))[0]
    first.start(Request((1, 2, 1), 9))
    second.start(Request((3, 4, 3), 9))
    assert first.propose([], 4)[0].tokens[0] == 2
    assert second.propose([], 4)[0].tokens[0] == 4


def test_drafting_stays_far_below_a_forward_on_a_long_prompt() -> None:
    """A bound against accidental quadratic work, not a benchmark: 100 drafts over 20,000 tokens in 2 seconds."""
    source = Spans()
    prompt = tuple((at * at) % 997 for at in range(20_000))
    source.start(Request(prompt, 1000))
    started = time.perf_counter()
    for written in range(100):
        source.propose(prompt[:written], 32)
    assert time.perf_counter() - started < 2
