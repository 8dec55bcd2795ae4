"""The answers bench: how single answers are judged, rows for methods that are known, and the bundled prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import app.bench
from app.bench.quality.answers import (
    THRESHOLD,
    AnswerItem,
    hits_of,
    judge,
    normalized,
    read_items,
    row_of,
    top_evidence,
)
from app.errors import InputError
from app.generation.prompts import REFUSAL
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence.selection import select_evidence
from retrieval.interfaces import Evidence, Hit

TOWER = "The tower was finished in 1889. The tower is 330 metres tall, more than any other of its time."
CATS = "Cats sleep for most of the day. They hunt at night."
ANSWERABLE = AnswerItem("How tall is the tower?", (CATS, TOWER), 1, ("330 metres",))
UNANSWERABLE = AnswerItem("Who painted the ceiling of the chapel?", (CATS, TOWER), None, ())


@pytest.mark.parametrize(
    ("text", "right", "verbatim"),
    [
        ("[1] The tower is 330 metres tall, more than any other of its time.", True, True),
        (" [1] The tower was finished in 1889. [2] They hunt at night.", False, True),
        ("It is the 330  Metres, surely.", True, False),
        ("[330] metres", False, True),
        ("It is 1330 metres tall.", False, False),
    ],
)
def test_judging(text: str, right: bool, verbatim: bool) -> None:
    judged = judge(ANSWERABLE, text)
    assert (judged.right, judged.verbatim, judged.refused, judged.answerable) == (right, verbatim, False, True)


@pytest.mark.parametrize("text", [REFUSAL, f" {REFUSAL}\n", "", "[1]"])
def test_a_refusal_is_never_right_and_quotes_nothing(text: str) -> None:
    judged = judge(ANSWERABLE, text)
    assert (judged.right, judged.verbatim, judged.refused) == (False, None, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("The U.S.  Navy!", "us navy"), ("A", "a"), ("an apple a day", "apple day"), ("---", "---")],
)
def test_normalised_as_squad_does(text: str, expected: str) -> None:
    assert normalized(text) == expected


def test_rows_of_known_methods() -> None:
    items = [ANSWERABLE, ANSWERABLE, UNANSWERABLE]
    refuser = row_of("refuser", items, lambda question, hits: REFUSAL)
    assert refuser == {
        "method": "refuser",
        "answer_accuracy": 0.0,
        "refusal_recall": 1.0,
        "false_refusal": 1.0,
        "verbatim": None,
        "answerable": 2,
        "unanswerable": 1,
    }
    copier = row_of("copier", items, lambda question, hits: hits[1].passage.text)
    assert (copier["answer_accuracy"], copier["refusal_recall"], copier["verbatim"]) == (1.0, 0.0, 1.0)
    assert row_of("copier", items[:1], lambda question, hits: "x")["refusal_recall"] is None


def test_the_encoder_s_first_sentence_answers_or_refuses() -> None:
    torch.set_num_threads(1)
    encoder = SentenceTransformerEncoder(device="cpu")

    def find(question: str, hits: list[Hit], limit: int) -> list[Evidence]:
        return select_evidence(question, hits, encoder=encoder, limit=limit)

    row = row_of("top-evidence", [ANSWERABLE, UNANSWERABLE], top_evidence(find, THRESHOLD))
    assert (row["answer_accuracy"], row["refusal_recall"], row["false_refusal"]) == (1.0, 1.0, 0.0)
    assert row["verbatim"] == 1.0
    eager = row_of("top-evidence", [ANSWERABLE, UNANSWERABLE], top_evidence(find, -1.0))
    assert (eager["refusal_recall"], eager["verbatim"]) == (0.0, 1.0)
    empty = AnswerItem("Anything?", ("",), None, ())
    assert top_evidence(find, -1.0)(empty.question, hits_of(empty)) == REFUSAL


def test_reads_what_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    records = [
        {"question": item.question, "passages": item.passages, "gold": item.gold, "answers": item.answers}
        for item in (ANSWERABLE, UNANSWERABLE)
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    assert read_items(path) == [ANSWERABLE, UNANSWERABLE]


@pytest.mark.parametrize(
    "change",
    [
        {"gold": 2},
        {"gold": -1},
        {"gold": True},
        {"gold": "1"},
        {"answers": []},
        {"answers": "330 metres"},
        {"passages": []},
        {"passages": [1]},
        {"question": " "},
        {"question": None},
    ],
)
def test_other_records_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    record = {"question": "How?", "passages": ["a", "b"], "gold": 1, "answers": ["b"]} | change
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_items(path)


def test_gold_must_be_said(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"question": "How?", "passages": ["a"], "answers": []}', encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_items(path)


def test_the_bundled_prompts_are_32_each_and_all_different() -> None:
    folder = Path(app.bench.__file__).parent / "data"
    for name, ends in (("questions.txt", ("?",)), ("texts.txt", (".",)), ("paragraphs.txt", (".",))):
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        assert lines.pop() == ""
        assert len(lines) == len(set(lines)) == 32
        assert all(line == line.strip() and line.endswith(ends) for line in lines)
