"""GLEU against cases counted by hand, and its bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bench.quality.gleu import Corrected, corpus_gleu, tokens_of

SOURCE, REFERENCE = "He go to the school today", "He goes to school today now"


def test_the_reference_itself_scores_100() -> None:
    assert corpus_gleu([Corrected(SOURCE, REFERENCE, (REFERENCE,))]) == pytest.approx(100.0)
    assert corpus_gleu([Corrected(REFERENCE, REFERENCE, (REFERENCE,))]) == pytest.approx(100.0)


def test_by_hand() -> None:
    # Candidate "a b c d x", reference "a b c d e", source "a b c q x", 5 tokens each.
    # 1-grams: 4 shared; the source alone has q and x, of which x is kept: (4 - 1) / 5.
    # 2-grams: ab bc cd shared; the source alone has cq, qx: 3 / 4. 3-grams: abc bcd: 2 / 3. 4-grams: abcd: 1 / 2.
    expected = 100 * (3 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert corpus_gleu([Corrected("a b c q x", "a b c d x", ("a b c d e",))]) == pytest.approx(expected)


def test_what_the_source_and_the_reference_share_is_no_fault() -> None:
    # x stands in the reference too, so keeping it costs nothing; the source has it twice, the reference once.
    expected = 100 * (5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25
    assert corpus_gleu([Corrected("x a b c x", "a b c d x x", ("a b c d x",))]) == pytest.approx(expected)


def test_a_short_candidate_pays_for_brevity() -> None:
    expected = 100 * math.exp(1 - 8 / 4)
    assert corpus_gleu([Corrected("z", "a b c d", ("a b c d e f g h",))]) == pytest.approx(expected)


def test_counts_are_summed_over_the_corpus_before_they_are_divided() -> None:
    # Alone the second sentence has no 4-gram and would score 0.
    expected = 100 * (6 / 7 * 4 / 5 * 2 / 3 * 1 / 1) ** 0.25
    pair = [Corrected("a b c d", "a b c d", ("a b c d",)), Corrected("e q g", "e f h", ("e f g",))]
    assert corpus_gleu(pair) == pytest.approx(expected)


def test_references_are_averaged_run_by_run() -> None:
    pair = ("a b c d e", "a b c x y")
    alone = [corpus_gleu([Corrected("a b c d q", "a b c d e", (one,))]) for one in pair]
    assert corpus_gleu([Corrected("a b c d q", "a b c d e", pair)]) == pytest.approx(sum(alone) / 2)
    # A sentence with one reference takes it in every run.
    single = Corrected("p q r s", "p q r s", ("p q r s",))
    runs = [corpus_gleu([Corrected("a b c d q", "a b c d e", (one,)), single]) for one in pair]
    assert corpus_gleu([Corrected("a b c d q", "a b c d e", pair), single]) == pytest.approx(sum(runs) / 2)


def test_nothing_in_common_scores_0() -> None:
    assert corpus_gleu([Corrected("a b c d", "p q r s", ("e f g h",))]) == 0.0
    assert corpus_gleu([Corrected("a", "", ("b",))]) == 0.0


@pytest.mark.parametrize("sentences", [[], [Corrected("a", "a", ())]])
def test_nothing_to_score(sentences: list[Corrected]) -> None:
    with pytest.raises(ValueError, match="reference"):
        corpus_gleu(sentences)


@given(st.lists(st.tuples(*[st.text(alphabet="ab .", max_size=12)] * 3), min_size=1, max_size=5))
def test_between_0_and_100(texts: list[tuple[str, str, str]]) -> None:
    score = corpus_gleu([Corrected(source, candidate, (reference,)) for source, candidate, reference in texts])
    assert 0.0 <= score <= 100.0 + 1e-9


@pytest.mark.parametrize(
    ("written", "tokenized"),
    [
        ("I don't know, it's late.", "I do n't know , it 's late ."),
        ("We cannot go (yet)!", "We can not go ( yet ) !"),
        ("“Wait” … he said", "`` Wait '' … he said"),
        ("a well-known 3,000.5 e.g. that", "a well-known 3,000.5 e . g . that"),
    ],
)
def test_tokenized_text_and_written_text_are_the_same_tokens(written: str, tokenized: str) -> None:
    assert tokens_of(written) == tokens_of(tokenized)


def test_words_that_look_like_parts_are_whole() -> None:
    assert tokens_of("nothing knots cant notable") == ["nothing", "knots", "cant", "notable"]
