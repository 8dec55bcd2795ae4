"""The corpus source against a plain search through all passages, and its speed over ten million tokens."""

from __future__ import annotations

import statistics
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.interfaces import OriginKind, Request, TokenIndex
from decoding.sources.corpus import CorpusContinuations
from decoding.sources.suffix_array import BORDER, build_index
from tests.support.drafts import proposed

TEXT = st.lists(st.integers(0, 3), max_size=30)


def started(index: TokenIndex | None, prompt: tuple[int, ...] = (99,), **options: int) -> CorpusContinuations:
    source = CorpusContinuations(**options)
    source.start(Request(prompt, 99, corpus=index))
    return source


def continuations(passages: list[list[int]], tail: list[int]) -> tuple[int, Counter[tuple[int, ...]]]:
    """The longest match of the end of ``tail``, and how often each beginning of up to 10 tokens follows it."""
    for size in range(min(16, len(tail)), 1, -1):
        behind = [
            one[at + size : at + size + 10]
            for one in passages
            for at in range(len(one) - size + 1)
            if one[at : at + size] == tail[-size:]
        ]
        if behind:
            return size, Counter(tuple(rest[:depth]) for rest in behind for depth in range(1, len(rest) + 1))
    return 0, Counter()


@given(st.lists(TEXT, max_size=5))
def test_the_suffix_array_sorts_all_suffixes(passages: list[list[int]]) -> None:
    index = build_index(passages)
    tokens = index.tokens_T.tolist()
    assert index.suffixes_T.tolist() == sorted(range(len(tokens)), key=lambda at: tokens[at:])
    assert [tokens[start : start + len(one)] for start, one in zip(index.starts_P, passages, strict=True)] == passages


@given(st.lists(TEXT, max_size=6), TEXT, TEXT, st.integers(1, 40))
def test_drafts_are_the_most_frequent_continuations_of_the_longest_match(
    passages: list[list[int]], prompt: list[int], output: list[int], limit: int
) -> None:
    source = started(build_index(passages), (9, *prompt))
    drafts = proposed(source, output, limit)
    size, expected = continuations(passages, [9, *prompt, *output])
    drafted = {draft.tokens[:depth] for draft in drafts for depth in range(1, len(draft.tokens) + 1)}
    counts = sorted(expected.values(), reverse=True)
    assert sorted((expected[path] for path in drafted), reverse=True) == counts[:limit]
    for draft in drafts:
        assert {*draft.buckets} == {size}
        assert BORDER not in draft.tokens
        for token, chance, origin in zip(draft.tokens, draft.probabilities, draft.origins, strict=True):
            assert 0 < chance < 1
            assert origin.kind is OriginKind.CORPUS
            assert passages[origin.index][origin.offset] == token


def test_a_frequent_continuation_is_likelier_and_a_long_match_is_trusted_more() -> None:
    index = build_index([[1, 2, 3], [1, 2, 3], [1, 2, 4], [5, 6, 7, 8, 9, 1, 2, 5]])
    chances = {draft.tokens[0]: draft.probabilities[0] for draft in proposed(started(index), [1, 2], 8)}
    assert chances[3] > 1.9 * chances[4] > 0
    (long,) = proposed(started(index), [5, 6, 7, 8, 9], 8)
    assert long.probabilities[0] > 0.9 > sum(chances.values())


@pytest.mark.parametrize("index", [None, build_index([]), build_index([[]]), build_index([[7]])])
def test_an_empty_corpus_drafts_nothing(index: TokenIndex | None) -> None:
    assert proposed(started(index), [7, 7], 8) == []


def test_any_vocabulary_is_told_apart() -> None:
    high = 2**31 - 2
    index = build_index([[high, high - 1, 70_000, 300], [4464, 300, 1]])
    assert proposed(started(index), [high, high - 1], 8)[0].tokens == (70_000, 300)
    assert proposed(started(index), [70_000, 300], 8) == []


def test_many_places_are_sampled_evenly() -> None:
    index = build_index([[1, 2, 3]] * 3000 + [[1, 2, 4]] * 1000)
    chances = {draft.tokens: draft.probabilities[0] for draft in proposed(started(index, positions=64), [1, 2], 8)}
    assert chances[3,] == pytest.approx(0.75, abs=0.02)
    assert chances[4,] == pytest.approx(0.25, abs=0.02)


def test_nothing_is_left_after_a_session() -> None:
    source = started(build_index([[1, 2, 3]]))
    source.finish()
    assert proposed(source, [1, 2], 8) == []


@pytest.mark.timed
@pytest.mark.slow
def test_a_query_over_ten_million_tokens_takes_at_most_300_microseconds() -> None:
    """Ids of Zipf's law with phrases that come back, as text has them; queries with long, short and no matches."""
    rng = np.random.default_rng(0)
    size, phrase = 10_000_000, 12
    tokens_T = ((rng.zipf(1.2, size=size) - 1) % 50_000).astype(np.int32)
    phrases = [tokens_T[at : at + phrase].copy() for at in rng.integers(0, size - phrase, 2000)]
    for number, at in enumerate(rng.integers(0, size - phrase, 200_000)):
        tokens_T[at : at + phrase] = phrases[number % len(phrases)]
    index = build_index(np.split(tokens_T, range(300, size, 300)))
    queries = {
        "a passage": [tokens_T[at : at + 20].tolist() for at in rng.integers(0, size - 30, 300)],
        "a phrase": [phrases[number % 2000][:6].tolist() for number in range(300)],
        "common words": [[0, 0], [0, 1], [1, 0]] * 100,
        "nothing": rng.integers(0, 50_000, (300, 20)).tolist(),
    }
    source = started(index)
    for what, outputs in queries.items():
        spent_us = []
        for output in outputs:
            began = time.perf_counter()
            drafts = proposed(source, output, 32)
            spent_us.append((time.perf_counter() - began) * 1e6)
        assert bool(drafts) or what == "nothing"
        assert statistics.median(spent_us) <= 300, what
