"""The target's outputs are asked for as serving asks, the same with drafts as without, and kept while they are made."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from app.generation.logit_biases import LogitBiases
from app.generation.prompts import REFUSAL
from app.generation.templates import BundledTemplate
from app.generation.tokenizer import TextTokenizer
from app.loading.bundled import SUMS, TARGET, bundled_folder
from app.training.corruption.synthetic import Corruptor
from app.training.corruption.word_forms import learn
from app.training.data import tokenizer
from app.training.data.candidates import Candidates
from app.training.errors import DataMissingError
from app.training.examples.answers import AnswerItems
from app.training.examples.grammar import GrammarPairs
from app.training.outputs import write_outputs as writing
from app.training.outputs.prompts import ServedPrompts, tuning_of
from app.training.outputs.target_outputs import Row, RowBatches, TargetOutputs, collate
from app.training.outputs.write_outputs import SOURCES, OutputOptions, outputs_path, write_outputs, written_rows
from corpora.documents import Document, Passage
from decoding.drafting.budget import Budget
from decoding.engine import Engine
from decoding.interfaces import Edit
from decoding.processors.quote import QuoteProcessor
from decoding.target.loading import load_target
from decoding.target.target import Target
from retrieval.interfaces import Evidence, Hit
from tests.support import small_target as small

PASSAGES = (
    ("The river Arno rises on Mount Falterona.", "It flows through Florence and Pisa."),
    ("Bees dance to tell where flowers are.", "A hive may hold sixty thousand bees."),
    ("Cats sleep most of the day.", "They hunt at dawn and at dusk."),
)
TEXTS = [["He goes to school every day.", "She likes green apples."], ["The dogs were sleeping under the table."]]


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return Tokenizer.from_file(str(bundled_folder(TARGET) / "tokenizer.json"))


@pytest.fixture(scope="module")
def bundled() -> Target:
    return load_target(str(bundled_folder(TARGET)), device="cpu")


@pytest.fixture
def served(bpe: Tokenizer) -> ServedPrompts:
    """Questions over three passages, and texts with errors."""
    candidates = Candidates.read(
        {
            "lists": {
                "sentences": [sentence for passage in PASSAGES for sentence in passage],
                "questions": [("Where does the Arno flow?", ["Florence"], 1), ("How do bees talk?", ["dance"], 2)],
            },
            "starts": np.array([0, 2, 4, 6], np.int32),
            "passages": np.array([[0, *[-1] * 12, 1, 2, *[-1] * 4], [1, *[-1] * 12, 0, 2, *[-1] * 4]], np.int32),
            "cosines": np.array([120, 200, 40, 30, 20, 60, 180, 90, 10, 20, 50, 70], np.uint8),
        }
    )
    corruptor = Corruptor(learn(s for text in TEXTS for s in text), {"school": ["shcool"], "green": ["gren"]})
    pairs = GrammarPairs(TEXTS, corruptor, bpe)
    tuning = LogitBiases(copy_bias=1.5, least_odds=0.5, evidence_slope=20.0)
    return ServedPrompts(bpe, AnswerItems(candidates, bpe), pairs, tuning, seed=1, answers_share=0.5)


def test_questions_are_asked_as_they_are_served(served: ServedPrompts, bpe: Tokenizer) -> None:
    assert served.items is not None
    request = served._answer(served.items, random.Random(5))
    rng = random.Random(5)
    item = served.items.item(rng, unanswerable=rng.random() < 0.2)
    documents = {e.number: Document.of(f"{e.number}", " ".join(item.passages[0])) for e in item.evidence}
    hits = [Hit(Passage.of(one, 0, len(one.text)), 1.0) for one in documents.values()]
    evidence = [Evidence(e.number - 1, 0, len(e.text), e.text, e.similarity, e.relevance) for e in item.evidence]
    from transformers import PreTrainedTokenizerFast

    template = BundledTemplate(TextTokenizer(PreTrainedTokenizerFast(tokenizer_object=bpe)))
    prompt = template.answer(item.question, hits, evidence, 1000)
    assert request.prompt == prompt.ids
    assert request.references == prompt.references[: len(request.references)]
    assert len(request.references) == len(item.evidence)
    quotes = prompt.weighted_quotes(served.tuning.evidence_slope)
    bonus = served.tuning.refusal_bonus(prompt.relevance)
    theirs = QuoteProcessor(quotes, eos_ids=[tokenizer.EOS], refusal=prompt.refusal, refusal_bonus=bonus)
    (ours,) = request.processors
    for written in ((), prompt.quotes[0].marker):
        rows = []
        for processor in (ours, theirs):
            state, row_V = processor.start(), np.zeros(tokenizer.VOCABULARY, np.float32)
            for token in written:
                state = processor.advance(state, token)
            processor.apply(state, row_V)
            rows.append(row_V)
        np.testing.assert_array_equal(*rows)


def test_drafts_change_nothing_of_what_is_written(served: ServedPrompts, bundled: Target) -> None:
    engine = Engine(bundled, sources=SOURCES, budget=Budget(limit=16))
    rows = written_rows(engine, served, range(6))
    assert {row.task for row in rows} == {"answer", "grammar"}
    plain = [tuple(engine.generate(served.request(number), speculate=False).tokens) for number in range(6)]
    assert [row.output for row in rows] == plain
    assert all(row.output[-1] == tokenizer.EOS for row in rows)
    texts = {one for row in rows if row.task == "answer" for one in [served.bpe.decode(list(row.output))]}
    known = (REFUSAL, *(sentence for passage in PASSAGES for sentence in passage))
    assert all(any(sentence in text for sentence in known) for text in texts)
    side_by_side = written_rows(engine, served, range(6), at_once=3)
    assert side_by_side == rows


def test_corrections_weigh_the_edits_that_serving_guesses(served: ServedPrompts) -> None:
    def the_first_word_goes(text: str, ids: tuple[int, ...]) -> tuple[Edit, ...]:
        assert served.bpe.decode(list(ids)) == f" {text}"
        return (Edit(0, 1, (), 0.9),)

    tuning = replace(served.tuning, edit_weight=30.0)
    weighed = replace(served, items=None, tuning=tuning, likely_edits=the_first_word_goes)
    request = weighed.request(3)
    (reference,), (bias,) = request.references, request.processors
    assert reference.edits == (Edit(0, 1, (), 0.9),)
    row_V = np.zeros(tokenizer.VOCABULARY, np.float32)
    bias.apply(bias.start(), row_V)
    assert int(row_V.argmax()) == reference.ids[1]
    assert weighed.request(3).prompt == replace(served, items=None).request(3).prompt


def test_without_processors_the_target_writes_what_it_wants(served: ServedPrompts) -> None:
    free = ServedPrompts(served.bpe, served.items, served.pairs, served.tuning, seed=1, processed=False)
    assert free.request(3).processors == ()
    assert served.request(3).processors != ()


def test_stopped_and_gone_on_is_the_same(tmp_path: Path) -> None:
    engine = Engine(small.target(), sources=(), budget=Budget(limit=0))
    said: list[str] = []
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    assert write_outputs(engine, small.prompts(), whole, count=10, part=4, show=said.append)
    assert not write_outputs(
        engine, small.prompts(), parts, count=10, part=4, show=said.append, stopped=lambda: bool(said[3:])
    )
    assert not parts.exists()
    said.clear()
    assert write_outputs(engine, small.prompts(), parts, count=10, part=4, show=said.append)
    assert len(said) == 2, "the first part is not made again"
    assert parts.read_bytes() == whole.read_bytes()
    said.clear()
    assert write_outputs(engine, small.prompts(), parts, count=10, part=4, show=said.append)
    assert said == [], "what is there is not made again"
    assert [path.name for path in tmp_path.iterdir()] == ["whole.npz", "parts.npz"] or len(
        list(tmp_path.iterdir())
    ) == 2


def test_what_serving_adds_decides_where_outputs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served, bare = OutputOptions(), OutputOptions(processed=False)
    before = [outputs_path("bundled", tmp_path, one) for one in (served, bare)]
    (tmp_path / SUMS).write_text(f"{'0' * 64}  edits.safetensors\n")
    monkeypatch.setattr(writing, "MODELS", tmp_path)
    after = [outputs_path("bundled", tmp_path, one) for one in (served, bare)]
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize("largest", [8191, 151_935])
def test_rows_come_back_from_the_file(tmp_path: Path, largest: int) -> None:
    rows = [Row("grammar", (1, 2, 3), (4, largest)), Row("answer", (7,), (8, 9, 1))]
    TargetOutputs.of(rows).save(tmp_path / "outputs.npz")
    found = TargetOutputs.load(tmp_path / "outputs.npz")
    assert [found[0], found[1]] == rows
    assert found.tokens_T.dtype == (np.uint16 if largest < 2**16 else np.uint32)


def test_a_damaged_or_missing_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 nothing")
    for name in ("damaged.npz", "missing.npz"):
        with pytest.raises(DataMissingError, match=name):
            TargetOutputs.load(tmp_path / name)


def test_batches_follow_seed_and_number_and_stay_in_their_size() -> None:
    batches = small.rows(tokens=120)
    for number in range(8):
        batch = batches.batch(number)
        assert batch.tokens_BN.numel() <= 120
        assert batch.tokens_BN.equal(small.rows(tokens=120).batch(number).tokens_BN)
        flat = batch.tokens_BN.flatten()
        assert flat[batch.position_P + 1].equal(batch.next_P)


def test_every_row_is_drawn_some_time() -> None:
    rows = [Row("a", (number, 1), (2,) * (number % 5 + 1)) for number in range(40)]
    batches = RowBatches(TargetOutputs.of(rows), seed=0, tokens=20)
    drawn = {row.prompt[0] for number in range(300) for row in batches.rows(number)}
    assert drawn == set(range(40))


def test_only_outputs_count_as_outputs() -> None:
    batch = collate([Row("a", (1, 2, 3), (4, 5)), Row("a", (6,), (7, 8, 9, 10))], np.random.default_rng(0))
    outputs = batch.next_P[batch.is_output_P].tolist()
    assert outputs == [4, 5, 7, 8, 9, 10]
    assert set(batch.next_P[~batch.is_output_P].tolist()) <= {2, 3}


def test_rows_too_long_for_a_batch_are_refused_at_once() -> None:
    with pytest.raises(DataMissingError, match="none of the 128 outputs"):
        RowBatches(small.outputs(), seed=0, tokens=8)


def test_a_target_without_biases_has_none(tmp_path: Path) -> None:
    assert tuning_of(tmp_path) is None
    (tmp_path / "spandraft.json").write_text('{"format": "x", "copy_bias": 2.0}')
    assert tuning_of(tmp_path) == LogitBiases(copy_bias=2.0)


def test_alignment_runs_where_retrieval_and_the_page_are_not_installed() -> None:
    blocked = ("faiss", "gradio", "langchain_core", "sentence_transformers", "fastapi", "matplotlib")
    names = (
        "outputs.target_outputs", "outputs.prompts", "outputs.write_outputs", "objectives.tasks", "objectives.distil",
        "objectives.on_policy", "objectives.medusa_heads", "objectives.parallel_drafts", "evaluation.measure", "stages",
    )  # fmt: skip
    code = f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\n"
    code += "".join(f"import app.training.{name}\n" for name in names)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
