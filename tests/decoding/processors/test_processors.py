"""Quote and copy bias: what they allow, and that drafts meet the same rule as plain decoding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.errors import InvalidRequest
from decoding.interfaces import Edit, Processor, Reference, Request, Sampling
from decoding.processors.copy_bias import CopyBias, first_row, next_row
from decoding.processors.quote import QuotedSpan, QuoteProcessor
from decoding.target.target import Target

EOS = 0
REFUSAL = (50, 51)
EDITS = (Edit(2, 4, (30, 31), 0.6), Edit(5, 5, (32,), 0.4))
IDS = st.lists(st.integers(1, 4), max_size=7)


def allowed(processor: Processor, written: tuple[int, ...]) -> set[int]:
    state = processor.start()
    for token in written:
        state = processor.advance(state, token)
    logits_V = np.zeros(60)
    processor.apply(state, logits_V)
    return set(np.flatnonzero(logits_V > -np.inf).tolist())


def language(processor: Processor, length: int) -> set[tuple[int, ...]]:
    """Every finished output of at most ``length`` tokens."""
    finished, open_ends = set(), [()]
    for _ in range(length):
        grown = []
        for written in open_ends:
            for token in allowed(processor, written):
                if token == EOS:
                    finished.add(written)
                else:
                    grown.append((*written, token))
        open_ends = grown
    return finished


SPANS = (QuotedSpan((10,), (1, 2, 3)), QuotedSpan((10,), (1, 4)), QuotedSpan((11,), (2, 3)))


@pytest.mark.parametrize(
    ("end_bonus", "weight", "goes_on"), [(0.0, -1.0, False), (-2.0, -1.0, True), (-2.0, -3.0, False)]
)
def test_another_quotation_follows_where_it_is_nearly_as_likely(end_bonus: float, weight: float, goes_on: bool) -> None:
    spans = (SPANS[0], QuotedSpan((11,), (2, 3), weight=weight))
    processor = QuoteProcessor(spans, eos_ids=[EOS], refusal=REFUSAL, refusal_bonus=-5.0, end_bonus=end_bonus)
    written, state = [], processor.start()
    while not written or written[-1] != EOS:
        logits_V = np.zeros(60)
        processor.apply(state, logits_V)
        written.append(int(logits_V.argmax()))
        state = processor.advance(state, written[-1])
    assert written == [10, 1, 2, 3, *([11, 2, 3] if goes_on else []), EOS]


def test_whole_quotations_are_all_that_can_be_written() -> None:
    texts = [span.marker + span.body for span in SPANS]
    expected = {REFUSAL}
    for size in (1, 2, 3):
        for chosen in itertools.permutations(texts, size):
            expected.add(tuple(itertools.chain(*chosen)))
    assert language(QuoteProcessor(SPANS, eos_ids=[EOS], refusal=REFUSAL), 12) == expected


def test_the_first_quotations_answer_one_part_each() -> None:
    first, other = QuotedSpan((10,), (1,), parts=frozenset({0})), QuotedSpan((10,), (2,), parts=frozenset({0}))
    second = QuotedSpan((11,), (3,), parts=frozenset({1}))
    written = language(QuoteProcessor([first, other, second], eos_ids=[EOS], refusal=REFUSAL), 8)
    pairs = {(10, 1, 11, 3), (10, 2, 11, 3), (11, 3, 10, 1), (11, 3, 10, 2)}
    assert {output for output in written if len(output) == 4} == pairs
    assert {output for output in written if len(output) == 6} == {
        pair + rest for pair in pairs for rest in [(10, 1), (10, 2)] if rest[1] not in pair
    }
    assert {output for output in written if len(output) < 4} == {REFUSAL}
    both = QuotedSpan((12,), (4,), parts=frozenset({0, 1}))
    assert (12, 4) in language(QuoteProcessor([first, second, both], eos_ids=[EOS], refusal=REFUSAL), 6)


def test_spans_inside_a_body_can_be_written_and_nothing_else() -> None:
    processor = QuoteProcessor(SPANS[:1], eos_ids=[EOS], whole=False)
    runs = {(10, *run) for run in [(1,), (2,), (3,), (1, 2), (2, 3), (1, 2, 3)]}
    assert language(processor, 6) == runs


def test_an_opening_marker_may_have_another_form() -> None:
    spans = [QuotedSpan((10, 11), (1,), opening=(12,)), QuotedSpan((10, 13), (2,), opening=(14,))]
    written = language(QuoteProcessor(spans, eos_ids=[EOS]), 8)
    assert written == {(12, 1), (14, 2), (12, 1, 10, 13, 2), (14, 2, 10, 11, 1)}


def test_the_refusal_bonus_moves_only_the_first_token_of_the_refusal() -> None:
    processor = QuoteProcessor(SPANS, eos_ids=[EOS], refusal=REFUSAL, refusal_bonus=2.5)
    logits_V = np.zeros(60)
    processor.apply(processor.start(), logits_V)
    assert logits_V[50] == 2.5
    logits_V = np.zeros(60)
    processor.apply(processor.advance(processor.start(), 50), logits_V)
    assert logits_V[51] == 0


def test_a_weight_counts_where_spans_part_ways() -> None:
    spans = [QuotedSpan((10,), (1, 2), weight=0.0), QuotedSpan((10,), (3, 2), weight=-1.5)]
    processor = QuoteProcessor([*spans, QuotedSpan((11,), (1,), weight=-4.0)], eos_ids=[EOS], refusal=REFUSAL)
    state = processor.start()
    for token, expected in [(10, {10: 0.0, 11: -4.0, 50: 0.0}), (3, {1: 0.0, 3: -1.5})]:
        logits_V = np.zeros(60)
        processor.apply(state, logits_V)
        assert {at: logits_V[at] for at in np.flatnonzero(logits_V > -np.inf).tolist()} == expected
        state = processor.advance(state, token)


def test_nothing_to_quote_and_no_refusal_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to quote"):
        QuoteProcessor([], eos_ids=[EOS])


@given(IDS, IDS)
def test_the_edit_row_is_the_levenshtein_row(source: list[int], output: list[int]) -> None:
    row = first_row(np.array(source, dtype=np.int64))
    for token in output:
        row = next_row(row, np.array(source, dtype=np.int64), token)
    for j in range(len(source) + 1):
        assert row.cost_S1[j] == levenshtein(source[:j], output)
    assert row.cost_S1[row.cursor] == row.cost_S1.min()


def levenshtein(a: list[int], b: list[int]) -> int:
    if not a or not b:
        return len(a) + len(b)
    change = levenshtein(a[:-1], b[:-1]) + (a[-1] != b[-1])
    return min(change, levenshtein(a[:-1], b) + 1, levenshtein(a, b[:-1]) + 1)


def test_copy_bias_follows_the_source_after_each_kind_of_edit() -> None:
    source = (1, 2, 3, 4, 5)
    bias = CopyBias(source, bonus=3.0, end=EOS)
    for written, expected in [
        ((), 1), ((1, 2), 3), ((1, 9), 3), ((1, 2, 9, 3), 4), ((1, 3), 4), (source, EOS),
    ]:  # fmt: skip
        state = bias.start()
        for token in written:
            state = bias.advance(state, token)
        logits_V = np.zeros(12)
        bias.apply(state, logits_V)
        assert np.flatnonzero(logits_V).tolist() == [expected], written


def written_by(bias: CopyBias, favoured: dict[int, float] | None = None) -> list[int]:
    """What a target with these logits, else 0, writes greedily under the bias."""
    written: list[int] = []
    state = bias.start()
    while len(written) < 30 and written[-1:] != [EOS]:
        logits_V = np.zeros(40)
        for token, logit in (favoured or {}).items():
            logits_V[token] = logit
        bias.apply(state, logits_V)
        written.append(int(logits_V.argmax()))
        state = bias.advance(state, written[-1])
    return written


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([Edit(1, 2, (20,), 0.9)], [1, 20, 3, 4, EOS]),  # another word
        ([Edit(1, 2, (20,), 0.3)], [1, 2, 3, 4, EOS]),  # less likely than copying
        ([Edit(1, 3, (20, 21, 22), 0.9)], [1, 20, 21, 22, 4, EOS]),  # several tokens for several
        ([Edit(2, 2, (20, 21), 0.9)], [1, 2, 20, 21, 3, 4, EOS]),  # put in once, not for ever
        ([Edit(1, 3, (), 0.9)], [1, 4, EOS]),  # left out
        ([Edit(1, 3, (2,), 0.9)], [1, 2, 4, EOS]),  # begins with a copy
        ([Edit(1, 1, (20,), 0.9), Edit(1, 2, (20,), 0.8)], [1, 20, 3, 4, EOS]),  # not "than than"
        ([Edit(0, 1, (20, 1), 0.7), Edit(0, 1, (20,), 0.9)], [20, 2, 3, 4, EOS]),
        ([Edit(4, 4, (20,), 0.9)], [1, 2, 3, 4, 20, EOS]),  # at the end
        ([Edit(3, 4, (), 0.9)], [1, 2, 3, EOS]),
        ([Edit(0, 1, (20,), 0.9), Edit(1, 2, (21,), 0.9)], [20, 21, 3, 4, EOS]),  # one behind the other
        ([Edit(1, 2, (20,), 0.4), Edit(1, 2, (21,), 0.55)], [1, 21, 3, 4, EOS]),  # the likelier of two
    ],
)
def test_copy_bias_makes_the_edits_that_are_likelier_than_copying(edits: list[Edit], expected: list[int]) -> None:
    assert written_by(CopyBias((1, 2, 3, 4), bonus=2.0, end=EOS, edits=edits, edit_weight=1.0)) == expected
    assert written_by(CopyBias((1, 2, 3, 4), bonus=2.0, end=EOS, edits=edits)) == [1, 2, 3, 4, EOS]


def test_an_edit_bonus_makes_edits_as_likely_as_copying_is_by_itself() -> None:
    def written(bonus: float, *, fond: float) -> list[int]:
        bias = CopyBias((1, 2), bonus=2.0, end=EOS, edits=[Edit(1, 2, (20,), 0.5)], edit_weight=1.0, edit_bonus=bonus)
        return written_by(bias, favoured={2: fond})

    assert written(0.0, fond=1.0) == [1, 2, EOS]
    assert written(2.0, fond=1.0) == [1, 20, EOS]
    assert written(1.0, fond=1.5) == [1, 2, EOS]


def test_an_edit_once_begun_is_finished_and_copying_goes_on_behind_it() -> None:
    bias = CopyBias((1, 2, 3, 4), bonus=2.0, end=EOS, edits=[Edit(1, 2, (20, 21), 0.9)], edit_weight=1.0)
    state = bias.advance(bias.advance(bias.start(), 1), 20)
    for written, meant in ((20, 21), (21, 3)):
        logits_V = np.zeros(40)
        logits_V[2] = 25.0  # the target would rather go on with the old word
        bias.apply(state, logits_V)
        assert int(logits_V.argmax()) == meant, written
        state = bias.advance(state, meant)
    assert state.cursor == 3


@pytest.mark.parametrize(
    "edit", [Edit(3, 2, (5,), 0.9), Edit(1, 5, (), 0.9), Edit(1, 1, (), 0.9), Edit(1, 2, (2,), 0.9)]
)
def test_copy_bias_names_an_edit_that_cannot_be(edit: Edit) -> None:
    with pytest.raises(InvalidRequest, match="does nothing"):
        CopyBias((1, 2, 3, 4), bonus=2.0, end=EOS, edits=[edit], edit_weight=1.0)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(do_sample=True, temperature=1.5, seed=3)])
def test_drafts_change_nothing_under_processors(llama: Target, sampling: Sampling) -> None:
    body = (7, 8, 9, 10, 11, 12)
    prompt = (1, 2, *body, 3, *body[2:], 4)
    jobs = [
        Request(
            prompt, 30, references=(Reference(body, prompt_start=2),), sampling=sampling, eos_ids=frozenset({EOS}),
            processors=(QuoteProcessor([QuotedSpan((20,), body), QuotedSpan((21,), body[2:])], eos_ids=[EOS],
                                       refusal=REFUSAL, whole=whole),),
        )
        for whole in (True, False)
    ]  # fmt: skip
    jobs.append(
        Request(
            prompt, 30, references=(Reference(body, cursor=True, edits=EDITS),), sampling=sampling,
            eos_ids=frozenset({EOS}), processors=(CopyBias(body, bonus=4.0, end=EOS, edits=EDITS, edit_weight=2.0),),
        )
    )  # fmt: skip
    engine = Engine(llama, budget=Budget(limit=16))
    for job in jobs:
        drafted, plain = engine.generate(job), engine.generate(job, speculate=False)
        assert drafted.tokens == plain.tokens
        assert drafted.finish_reason == plain.finish_reason
        assert drafted.stats.accepted > 0
