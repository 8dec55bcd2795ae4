"""Streamed text is the decoded text, stop strings are exact, and nothing shown is taken back."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.generation.detokenizer import Detokenizer, StopStrings, TextStream, stop_factory
from app.generation.tokenizer import TextTokenizer

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
FEW_LETTERS = st.text("ab\n", max_size=30)


@pytest.fixture(scope="module")
def tokens(bundled_tokenizer: Any) -> TextTokenizer:
    return TextTokenizer(bundled_tokenizer)


def streamed(tokens: TextTokenizer, ids: list[int]) -> str:
    """The deltas of all ids joined; each is checked to be a continuation that can be printed."""
    detokenizer = Detokenizer(tokens)
    return "".join([*(detokenizer.push(token) for token in ids), detokenizer.finish()])


@given(text=ANY_TEXT)
def test_deltas_are_the_text(tokens: TextTokenizer, text: str) -> None:
    encoded = tokens.plain(text)
    assert streamed(tokens, list(encoded.ids)) == tokens.decode(encoded.ids) == text


@given(ids=st.lists(st.integers(0, 8191), max_size=300))
@settings(suppress_health_check=[HealthCheck.large_base_example, HealthCheck.too_slow])
def test_deltas_are_the_text_of_any_ids_even_of_broken_characters(tokens: TextTokenizer, ids: list[int]) -> None:
    assert streamed(tokens, ids) == tokens.decode(ids)


def test_a_long_answer_is_exact_and_its_window_stays_small(tokens: TextTokenizer) -> None:
    rng = random.Random(0)
    pieces = ["Žluťoučký kůň ", "🙂👩‍👩‍👧 ", "plain words, ", "漢字かな ", "\n\n", "ﷺ "]
    ids = list(tokens.plain("".join(rng.choices(pieces, k=400))).ids)
    detokenizer = Detokenizer(tokens)
    shown = ""
    for token in ids:
        shown += detokenizer.push(token)
        assert len(detokenizer._ids) < 100
    assert shown + detokenizer.finish() == tokens.decode(ids)


def test_half_a_character_is_held_back(tokens: TextTokenizer) -> None:
    ids = tokens.plain("漢").ids
    assert len(ids) > 1
    detokenizer = Detokenizer(tokens)
    assert [detokenizer.push(token) for token in ids] == ["", "", "漢"]
    broken = Detokenizer(tokens)
    assert broken.push(ids[0]) == ""
    assert broken.finish() == "\ufffd"


def test_special_tokens_are_no_text(tokens: TextTokenizer) -> None:
    ids = [*tokens.plain(" yes").ids, *tokens.trusted("<|eos|>")]
    assert streamed(tokens, ids) == " yes"


def cut_at_stop(text: str, stops: list[str]) -> tuple[str, bool]:
    """The slow definition: look at every beginning of the text, shortest first."""
    for end in range(1, len(text) + 1):
        ended = [stop for stop in stops if stop and text[:end].endswith(stop)]
        if ended:
            return text[: end - max(map(len, ended))], True
    return text, False


@given(text=FEW_LETTERS, stops=st.lists(st.text("ab\n", max_size=4), max_size=3), cuts=st.lists(st.integers(0, 30)))
@settings(max_examples=300)
def test_stop_strings_equal_their_definition_however_the_text_is_split(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    matcher = StopStrings(stops)
    borders = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    shown = ""
    for begin, end in pairwise(borders):
        shown += matcher.push(text[begin:end])
        # Shown text is never taken back.
        assert cut_at_stop(text, stops)[0].startswith(shown)
    assert (shown + matcher.finish(), matcher.stopped) == cut_at_stop(text, stops)


def test_only_a_possible_stop_is_held_back() -> None:
    matcher = StopStrings(["STOP"])
    assert matcher.push("say S") == "say "
    assert matcher.push("T") == ""
    assert matcher.push("AR") == "STAR"
    assert matcher.push(" STO") == " "
    assert matcher.finish() == "STO"


def test_the_decoders_stop_says_true_on_the_token_that_completes_the_string(tokens: TextTokenizer) -> None:
    ids = list(tokens.plain(" one two\nthree").ids)
    make = stop_factory(tokens, ["\nth"])
    assert make is not None
    completes = make()
    answers = [completes(token) for token in ids]
    at = answers.index(True)
    assert "\nth" in tokens.decode(ids[: at + 1])
    assert "\nth" not in tokens.decode(ids[:at])
    assert make()(ids[0]) is False, "each session has its own"
    assert stop_factory(tokens, []) is None


def test_an_answer_begins_without_white_space(tokens: TextTokenizer) -> None:
    stream = TextStream(tokens, ["!"])
    shown = "".join(stream.push(token) for token in tokens.plain("\n  [1] Yes ! no").ids) + stream.finish()
    assert shown == stream.text == "[1] Yes "
