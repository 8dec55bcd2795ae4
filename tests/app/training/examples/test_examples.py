"""Rows have the forms that serving writes, weights lie where decisions are, batches point at the right next token."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from app.training.corruption.synthetic import Corruptor
from app.training.corruption.word_forms import learn
from app.training.data import candidates, prose, tokenizer
from app.training.data.candidates import Candidates
from app.training.data.embeddings import Embedded, EmbeddedQuestion, gold_sentence
from app.training.data.records import QuestionRecord
from app.training.examples import answers, copying, grammar, mixture
from retrieval.evidence.relevance import CosineRelevance


@pytest.fixture
def asked() -> Candidates:
    """Two articles, three passages of two sentences; unit vectors chosen so that the question finds its sentence."""
    sentence_SE = np.eye(6, dtype=np.float32)
    question_QE = np.array([[0.0, 0.6, 0.0, 0.8, 0.0, 0.0]], dtype=np.float32)
    embedded = Embedded(
        sentences=["Ants dig.", "Bees fly.", "Cats nap.", "Dogs run.", "Elks eat.", "Fish swim."],
        starts=[0, 2, 4, 6],
        article_of=["A", "A", "B"],
        articles={"A": [0, 1], "B": [2]},
        questions=[EmbeddedQuestion("What flies?", ("Bees",), 0, 1)],
        sentence_SE=sentence_SE,
        question_QE=question_QE,
    )
    return candidates.collect(embedded, random.Random(0))


def test_special_tokens_written_in_a_text_are_plain_characters(bpe: Tokenizer) -> None:
    ids = tokenizer.encode(bpe, " a<|eos|>b")
    assert min(ids) >= len(tokenizer.SPECIALS)
    assert bpe.decode(ids) == " a<|eos|>b"


def test_the_prompt_is_the_one_serving_writes(bpe: Tokenizer, asked: Candidates) -> None:
    items = answers.AnswerItems(asked, bpe)
    evidence = (answers.Evidence("Dogs run.", 1, 0.85, 7.0), answers.Evidence("Bees fly.", 2, 0.61, 2.2))
    ids = items.prompt("What flies?", evidence)
    text = bpe.decode(ids, skip_special_tokens=False)
    assert text == "<|q|> What flies?<|e|><|s8|> [1] Dogs run.<|e|><|s6|> [2] Bees fly.<|a|>"
    assert ids.count(tokenizer.EVIDENCE) == 2


def test_evidence_is_ranked_and_its_passages_numbered_by_first_appearance(bpe: Tokenizer, asked: Candidates) -> None:
    items = answers.AnswerItems(asked, bpe, relevance=CosineRelevance())
    item = items.item(random.Random(0), unanswerable=False)
    assert [(e.text, e.bucket, e.number) for e in item.evidence[:2]] == [("Dogs run.", 8, 1), ("Bees fly.", 6, 2)]
    assert len(item.evidence) <= answers.EVIDENCE_SENTENCES
    assert item.gold is not None
    assert item.gold.text == "Bees fly."
    assert item.gold_passage is not None
    assert "Bees fly." in item.passages[item.gold_passage]


def test_an_unanswerable_item_lacks_the_passage_and_is_refused(bpe: Tokenizer, asked: Candidates) -> None:
    items = answers.AnswerItems(asked, bpe)
    item = items.item(random.Random(0), unanswerable=True)
    assert item.gold is None
    assert item.gold_passage is None
    assert all("Bees fly." not in passage for passage in item.passages)


@pytest.mark.parametrize(("cosine", "bucket"), [(-0.2, 0), (0.0, 0), (0.59, 5), (0.999, 9), (1.0, 9)])
def test_confidence_buckets(cosine: float, bucket: int) -> None:
    assert answers.number_evidence([(answers.Judged("x", 0, cosine), 0.0)])[0].bucket == bucket


def test_gold_sentence_overlaps_the_recorded_one_and_holds_the_answer() -> None:
    question = QuestionRecord("T", "p", "Q?", ("two",), "There are two.")
    assert gold_sentence(question, ["One, two.", "There are two."]) == 1
    assert gold_sentence(question, ["One, two."]) is None


def test_a_grammar_row_ends_with_the_clean_text(bpe: Tokenizer) -> None:
    texts = [["The dogs run to the old house, and they bark."]]
    pairs = grammar.GrammarPairs(texts, Corruptor(learn(texts[0]), {}), bpe)
    rng = random.Random(3)
    for _ in range(20):
        row = pairs.draw(rng)
        clean = bpe.decode(row.output)
        assert clean in (" " + texts[0][0], " " + grammar.space_marks(texts[0][0]))
        assert (row.prompt[0], row.prompt[-1]) == (tokenizer.GRAMMAR, tokenizer.CORRECTED)
        assert row.output[-1] == tokenizer.EOS
        assert len(row.weights) == len(row.output)


def test_marks_are_spaced_as_learner_corpora_have_them() -> None:
    spaced = grammar.space_marks("It's no. 5, \"Don't stop\" (he said).")
    assert spaced == "It 's no. 5 , \" Do n't stop \" ( he said ) ."


def test_weight_lies_on_edits_and_on_the_token_after_a_gap() -> None:
    assert grammar.edit_weights([5, 6, 7, 8], [5, 9, 7, 8], heavy=3.0) == [1.0, 3.0, 1.0, 1.0]
    assert grammar.edit_weights([5, 6, 7, 8], [5, 7, 8], heavy=3.0) == [1.0, 3.0, 1.0]
    assert grammar.edit_weights([5, 6], [5, 9, 6], heavy=3.0) == [1.0, 3.0, 1.0]


def test_copying_rows_hold_what_they_copy() -> None:
    rng = random.Random(0)
    span = copying.CopySpans().draw(rng)
    assert span.prompt[1:-1] == span.output[:-1]
    named = copying.CopySentence(digits=tuple(range(30, 38)), opening=40, closing=41).draw(rng)
    sentence = named.output[3:-1]
    prompt = named.prompt
    assert any(prompt[i : i + len(sentence) + 3] == named.output[:-1] for i in range(len(prompt)))


def test_repeating_rows_have_few_different_tokens() -> None:
    rows = copying.CopyRepeats(frequent=(30, 31, 32))
    rng = random.Random(0)
    for _ in range(30):
        row = rows.draw(rng)
        assert row.prompt[1:-1] == row.output[:-1]
        assert len(set(row.output)) <= 25


def test_training_sees_less_evidence_at_times_and_far_passages(bpe: Tokenizer, asked: Candidates) -> None:
    items = answers.AnswerItems(asked, bpe, relevance=CosineRelevance())
    rng = random.Random(0)
    drawn = [items.item(rng, fewest=2) for _ in range(60)]
    assert {len(item.evidence) for item in drawn} >= {2, 3, 4}
    assert all(item.evidence[0].text == "Dogs run." for item in drawn if len(item.passages) == 3)


def test_plain_sentences_are_short_and_of_common_words() -> None:
    common = [["The dog runs home.", "The dog sees the home."]] * 3
    rare = [["Xylophonists " + "the dog " * 20 + "run."]]
    assert prose.plain_texts(common + rare) == common


def test_batches_point_at_the_next_token_and_leave_padding_out() -> None:
    rows = [mixture.Example("a", [5, 6], [7, 1], [1.0, 2.0]), mixture.Example("b", [8], [9, 9, 9, 1], [1.0] * 4)]
    batch = mixture.collate(rows, random.Random(0), context_share=0.5)
    assert batch.tokens_BN.shape == (2, 5)
    flat = batch.tokens_BN.flatten()
    assert (flat[batch.position_P + 1] == batch.next_P).all()
    assert tokenizer.PAD not in batch.next_P.tolist()
    outputs = batch.next_P[~batch.is_context_P].tolist()
    assert outputs == [7, 1, 9, 9, 9, 1]
    assert batch.weight_P[~batch.is_context_P].tolist() == [1.0, 2.0, 1.0, 1.0, 1.0, 1.0]


def pools(**changes: int) -> mixture.Pools:
    options = {"tokens": 300, "batches": 4} | changes
    return mixture.Pools([(1.0, copying.CopySpans())], seed="1:x", context_share=0.0, **options)


def test_batches_are_about_as_large_as_was_asked_for() -> None:
    made = pools(batches=16)
    sizes = [made.batch(number).tokens_BN.numel() for number in range(64)]
    assert 250 <= sum(sizes) / len(sizes) <= 400
    assert max(sizes) <= 600


def test_a_batch_is_a_function_of_its_number() -> None:
    made = pools()
    for number in (9, 2, 9):
        assert torch.equal(made.batch(number).tokens_BN, pools().batch(number).tokens_BN)
    assert not torch.equal(made.batch(2).tokens_BN, made.batch(3).tokens_BN)


def test_a_pool_has_all_its_batches_even_of_few_long_rows() -> None:
    made = pools(tokens=20, batches=8)
    assert all(made.batch(number).tokens_BN.numel() for number in range(24))
