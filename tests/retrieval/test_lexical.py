"""BM25 against the formula written out, updates, deletions."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.lexical import LexicalIndex
from retrieval.terms import query_terms, terms

WORDS = st.lists(st.sampled_from(["red", "green", "blue", "sea", "snake_case"]), max_size=12).map(" ".join)


def bm25(question: str, text: str, texts: list[str]) -> float:
    """Lucene's BM25, k1 = 1.5, b = 0.75, term by term."""
    average = sum(len(terms(one)) for one in texts) / len(texts)
    counts = Counter(terms(text))
    score = 0.0
    for term in query_terms(question):
        holding = sum(term in terms(one) for one in texts)
        idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
        length = 1 - 0.75 + 0.75 * len(terms(text)) / average
        score += idf * counts[term] / (counts[term] + 1.5 * length)
    return score


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=8).filter(any), WORDS.filter(bool), st.data())
def test_equals_the_formula_after_any_additions_and_deletions(
    texts: list[str], question: str, data: st.DataObject
) -> None:
    index = LexicalIndex()
    index.add([90, 91], ["red sea of deleted words", "violet"])
    index.search([question], 3)  # builds, so that what follows changes a built index
    index.add(range(len(texts)), texts)
    gone = set(data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True, max_size=len(texts) - 1)))
    assert index.remove([90, 91, *gone]) == 2 + len(gone)
    left = {row: text for row, text in enumerate(texts) if row not in gone}
    found = index.search([question], len(texts))[0]
    scores = {row: bm25(question, text, list(left.values())) for row, text in left.items() if any(left.values())}
    expected = {row: score for row, score in scores.items() if score > 0}
    assert dict(found) == pytest.approx(expected, rel=1e-5)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_identifiers_are_found_whole_and_in_parts() -> None:
    index = LexicalIndex()
    index.add([1, 2, 3], ["call max_new_tokens here", "new rules", "the __init__ method"])
    assert [row for row, _ in index.search(["max_new_tokens"], 3)[0]] == [1, 2]
    assert [row for row, _ in index.search(["__init__"], 3)[0]] == [3]


def test_equal_scores_go_to_the_older_row() -> None:
    index = LexicalIndex()
    index.add([8, 3, 5], ["same words", "same words", "same words"])
    assert [row for row, _ in index.search(["same"], 2)[0]] == [3, 5]


@pytest.mark.parametrize("texts", [[], [""], ["...", ""]])
def test_nothing_to_find(texts: list[str]) -> None:
    index = LexicalIndex()
    index.add(range(len(texts)), texts)
    assert index.search(["anything", ""], 5) == [[], []]


def test_deleted_words_leave_the_vocabulary() -> None:
    index = LexicalIndex()
    index.add([1, 2], ["secret plan", "open plan"])
    index.remove([1])
    assert "secret" not in index._vocabulary
    assert [row for row, _ in index.search(["plan"], 5)[0]] == [2]
