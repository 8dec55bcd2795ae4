"""BM25 against the formula written out and against bm25s, updates, deletions."""

from __future__ import annotations

import math
import random
from collections import Counter

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.lexical import TERMS, LexicalIndex
from retrieval.postings import PostingSegment, fingerprints
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
    first = data.draw(st.integers(0, len(texts)))
    index.add(range(first), texts[:first])
    index.add(range(first, len(texts)), texts[first:])
    gone = set(data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True, max_size=len(texts) - 1)))
    assert index.remove([90, 91, *gone]) == 2 + len(gone)
    left = {row: text for row, text in enumerate(texts) if row not in gone}
    found = index.search([question], len(texts))[0]
    scores = {row: bm25(question, text, list(left.values())) for row, text in left.items() if any(left.values())}
    expected = {row: score for row, score in scores.items() if score > 0}
    assert dict(found) == pytest.approx(expected, rel=1e-5)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def by_bm25s(texts: dict[int, str], questions: list[str], k: int) -> list[list[tuple[int, float]]]:
    """The second implementation: everything at once, by a library."""
    rows, numbers = sorted(texts), dict[str, int]()
    lists = [[numbers.setdefault(term, len(numbers)) for term in terms(texts[row])] for row in rows]
    index = bm25s.BM25(method="lucene", backend="numpy", k1=1.5, b=0.75)
    index.index((lists, numbers), show_progress=False)
    found = []
    for question in questions:
        known = [numbers[term] for term in query_terms(question) if term in numbers]
        scores_N = index.get_scores_from_ids(known) if known else np.zeros(len(rows), dtype=np.float32)
        order_N = np.argsort(-scores_N, kind="stable")[:k]
        found.append([(rows[at], float(scores_N[at])) for at in order_N if scores_N[at] > 0])
    return found


@pytest.mark.parametrize("seed", range(4))
def test_equals_bm25s_to_the_last_bit_whatever_came_and_went(seed: int) -> None:
    chance = random.Random(seed)
    vocabulary = [f"word{number}" for number in range(400)]
    weights = [1 / (1 + number) for number in range(400)]

    def written(most: int) -> str:
        return " ".join(chance.choices(vocabulary, weights, k=chance.randrange(most)))

    index, texts = LexicalIndex(), dict[int, str]()
    for step in range(40):
        new = {1000 * step + number: written(120) for number in range(chance.randrange(60))}
        index.add(list(new), list(new.values()))
        texts |= new
        gone = chance.sample(sorted(texts), k=len(texts) // 10)
        assert index.remove(gone) == len(gone)
        texts = {row: text for row, text in texts.items() if row not in gone}
        if step % 5 == 4:
            questions = [written(9) for _ in range(8)] + ["word0 word0 word1", "nothing known"]
            for k in (1, 10, len(texts) + 1):
                assert index.search(questions, k) == by_bm25s(texts, questions, k)
    assert len(index) == len(texts)
    assert len(index.segments.live) <= 12


def test_identifiers_are_found_whole_and_in_parts() -> None:
    index = LexicalIndex()
    index.add([1, 2, 3], ["call max_new_tokens here", "new rules", "the __init__ method"])
    assert [row for row, _ in index.search(["max_new_tokens"], 3)[0]] == [1, 2]
    assert [row for row, _ in index.search(["__init__"], 3)[0]] == [3]


def test_equal_scores_go_to_the_older_row() -> None:
    index = LexicalIndex()
    index.add([8, 3, 5], ["same words", "same words", "same words"])
    index.add([1], ["same words"])
    assert [row for row, _ in index.search(["same"], 3)[0]] == [1, 3, 5]


@pytest.mark.parametrize("texts", [[], [""], ["...", ""]])
def test_nothing_to_find(texts: list[str]) -> None:
    index = LexicalIndex()
    index.add(range(len(texts)), texts)
    assert len(index) == len(texts)
    assert index.search(["anything", ""], 5) == [[], []]


def test_deleted_words_leave_a_merged_block() -> None:
    first = PostingSegment.of([1, 2], [["secret", "plan"], ["open", "plan"]])
    second = PostingSegment.of([7], [["secret"]])
    block = PostingSegment.merged([first, second], [np.array([False, True]), np.array([False])])
    assert sorted(block.terms_V.tolist()) == sorted(fingerprints(["open", "plan"]).tolist())
    assert (block.rows_N.tolist(), block.lengths_N.tolist(), block.counts_P.tolist()) == ([2], [2], [1, 1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=4), st.data())
def test_merging_equals_making_one_block_of_what_is_left(groups: list[list[str]], data: st.DataObject) -> None:
    texts = [terms(text) for group in groups for text in group]
    alive = np.array([data.draw(st.booleans()) for _ in texts])
    blocks, masks, at = [], [], 0
    for group in groups:
        blocks.append(PostingSegment.of(range(at, at + len(group)), texts[at : at + len(group)]))
        masks.append(alive[at : at + len(group)])
        at += len(group)
    rows = np.flatnonzero(alive).tolist()
    expected = PostingSegment.of(rows, [texts[row] for row in rows])
    assert_equal(PostingSegment.merged(blocks, masks), expected)


def assert_equal(one: PostingSegment, other: PostingSegment) -> None:
    assert one.rows_N.tolist() == other.rows_N.tolist()
    for name, array in one.packed().items():
        assert (name, array.tolist()) == (name, other.packed()[name].tolist())


def test_what_was_packed_comes_back_and_nothing_else_does() -> None:
    block = PostingSegment.of([4, 9], [["ash", "birch", "ash"], ["birch"]])
    packed = {name: memoryview(array.tobytes()) for name, array in block.packed().items()}
    assert_equal(PostingSegment.unpacked(block.rows_N, packed), block)
    for name in packed:
        for other in (memoryview(b""), memoryview(bytes(packed[name]) * 2), memoryview(b"\xff" * packed[name].nbytes)):
            if name in ("terms", "counts", "lengths") and other.nbytes == packed[name].nbytes:
                continue  # any numbers are fit there
            with pytest.raises(ValueError, match="postings"):
                PostingSegment.unpacked(block.rows_N, {**packed, name: other})
    with pytest.raises(ValueError, match="no postings"):
        PostingSegment.unpacked(block.rows_N, {})


def test_files_hold_the_terms_that_this_release_makes() -> None:
    """Whoever changes what terms a text has gives the kind of the file another number, here and there."""
    text = "The max_new_tokens of parseHTTPHeader: x ** 2, C++; naïve Straße, 東京タワー, แมว, हिन्दी."
    made = (TERMS, fingerprints(terms(text) + query_terms("What is the __init__ of it?")).sum().item())
    assert made == ("terms:3", 9076921118216795278)


def found(texts: list[str], question: str) -> list[int]:
    index = LexicalIndex()
    index.add(range(len(texts)), texts)
    return [row for row, _ in index.search([question], 10)[0]]


def test_other_forms_are_found_and_the_form_asked_for_first() -> None:
    texts = ["It was painted red by the bakeries.", "We paint the bakery.", "Nothing of that kind."]
    assert found(texts, "who paints bakeries") == [0, 1]
    assert found(texts, "paint bakery") == [1, 0]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Wie viele Urlaubstage haben die Lehrlinge?", "Der Urlaub beträgt im ersten Jahr des Lehrlings 26 Tage."),
        ("Wann beginnt der Urlaub?", "Der Jahresurlaub beginnt mit den Ferien."),
        ("wo ist die nachste ecole", "L'école est fermée le lundi."),
        ("¿Cuándo abre la piscina y cuánto cuestan los billetes?", "El billete cuesta dos euros."),
        ("Où sont les horaires des piscines ?", "L'horaire de la piscine est affiché."),
        ("Ｗｈｅｒｅ ｉｓ ｔｈｅ ｏｆｆｉｃｅ", "The oﬃce is on the left."),
    ],
)
def test_forms_of_other_languages_are_found(question: str, text: str) -> None:
    other = "The harbour master keeps a list of boats."
    assert found([other, text, other], question)[:1] == [1]


def test_a_form_counts_as_one_word_with_the_others() -> None:
    """A rare form must not count for more than the word that is asked for."""
    texts = ["boats and boats", "the boat", "a boating lake", *["the boat of the harbour"] * 20]
    index = LexicalIndex()
    index.add(range(len(texts)), texts)
    scores = dict(index.search(["boat"], 30)[0])
    assert scores[1] > scores[2]
