"""Rows that only have to be copied: the answer form of serving, and places where a copy can go astray."""

from __future__ import annotations

import random

import pytest
from tokenizers import Tokenizer

from app.training.data import tokenizer
from app.training.data.tokenizer import encode
from app.training.examples import copying
from app.training.examples.mixture import Example

TEXTS = [
    ["The dogs run to the old house, and they bark.", "Cats sleep in the old house.", "Birds fly to the south."],
    ["Short one."],
]


@pytest.fixture
def rows(bpe: Tokenizer) -> list[Example]:
    rng = random.Random(5)
    source = copying.QuotedSentences(TEXTS, bpe)
    return [source.draw(rng) for _ in range(200)]


def test_the_output_is_a_numbered_sentence_of_the_prompt(rows: list[Example]) -> None:
    for row in rows:
        assert (row.prompt[0], row.prompt[-1], row.output[-1]) == (tokenizer.QUESTION, tokenizer.ANSWER, tokenizer.EOS)
        said = row.output[:-1]
        starts = [i + 2 for i, one in enumerate(row.prompt) if one == tokenizer.EVIDENCE]
        # Behind the sentence comes the next one, or the end of the evidence.
        ends = [*(start - 2 for start in starts[1:]), len(row.prompt) - 1]
        assert said in [row.prompt[a:b] for a, b in zip(starts, ends, strict=True)]
        assert len(row.weights) == len(row.output)


def test_the_question_is_a_piece_of_the_sentence_that_no_other_has(rows: list[Example]) -> None:
    told = 0
    for row in rows:
        evidence = row.prompt.index(tokenizer.EVIDENCE)
        question = row.prompt[1:evidence]
        assert holds(row.output, question)
        told += not holds_elsewhere(row, question)
    assert told > 0.7 * len(rows)


def test_sentences_say_things_twice_and_have_twins(bpe: Tokenizer, rows: list[Example]) -> None:
    clean = {tuple(encode(bpe, " " + text)) for paragraph in TEXTS for text in paragraph}
    mark = len(encode(bpe, " [1]"))
    changed = [row for row in rows if tuple(row.output[mark:-1]) not in clean]
    assert 0.25 * len(rows) < len(changed) < 0.55 * len(rows)
    more = [row for row in rows if row.prompt.count(tokenizer.EVIDENCE) > 3]
    assert more, "a paragraph has three sentences: a fourth one is a twin"


def test_a_repeat_adds_tokens_of_the_sentence_and_loses_none() -> None:
    rng = random.Random(1)
    ids = list(range(10, 30))
    for _ in range(50):
        longer = copying.with_repeat(ids, rng)
        assert 1 <= len(longer) - len(ids) <= 4
        assert set(longer) == set(ids)


def test_a_twin_differs_at_the_place_that_is_named() -> None:
    rng = random.Random(1)
    ids, other = list(range(10, 30)), list(range(50, 70))
    for _ in range(50):
        twin, at = copying.with_change(ids, other, rng)
        assert twin[:at] == ids[:at]
        assert twin[at : at + 1] != ids[at : at + 1]


def holds(text: list[int], part: list[int]) -> bool:
    return any(text[i : i + len(part)] == part for i in range(len(text) - len(part) + 1))


def holds_elsewhere(row: Example, question: list[int]) -> bool:
    prompt = row.prompt[row.prompt.index(tokenizer.EVIDENCE) :]
    return sum(prompt[i : i + len(question)] == question for i in range(len(prompt))) > 1
