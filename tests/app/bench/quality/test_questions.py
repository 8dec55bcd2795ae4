"""The questions bench: how answers are judged, what a question set may hold, and one run over a small set."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from app.bench.quality.question_set import KINDS, SetQuestion, read_questions
from app.bench.quality.questions import Judged, add_arguments, rows_of, run
from app.bench.quality.verdict import Verdict, verdict
from app.config.settings import Settings
from app.errors import InputError
from app.generation.events import NO_STATS, Answer, Citation
from app.generation.prompts import REFUSAL

TEXT = "Office hours\n\nThe office opens at nine and closes at 5 p.m.\n\nA day costs 1,250 crowns."
RECORD: dict[str, Any] = {
    "id": "1",
    "kind": "plain",
    "question": "When does the office open?",
    "documents": ["office.md"],
    "values": [["at nine", "9:00"]],
    "spans": ["The office opens at nine"],
}


def question(**changes: Any) -> SetQuestion:
    values: dict[str, Any] = {
        "id": "1",
        "kind": "plain",
        "text": "When?",
        "documents": ("office.md",),
        "values": (("at nine", "9:00"), ("5 p.m.",)),
        "spans": ("opens at nine and  closes",),
        "least": 2,
    }
    return SetQuestion(**values | changes)


def answer(text: str, *cited: tuple[str, int, int]) -> Answer:
    citations = tuple(Citation("p", name, start, end, 0, 1, "copied") for name, start, end in cited)
    return Answer("When?", text, citations, (), NO_STATS, "eos")


def judged(asked: SetQuestion, given: Answer) -> Verdict:
    return verdict(asked, given, lambda name: TEXT)


HOURS = ("documents/office.md", 14, 58)


@pytest.mark.parametrize(
    ("text", "cited", "expected"),
    [
        ("[1] The office opens at nine and closes at 5 p.m.", HOURS, Verdict.RIGHT),
        ("[1] The office opens AT  NINE and closes at 5 p.m.", HOURS, Verdict.RIGHT),
        ("[1] The office opens at nine.", HOURS, Verdict.PARTLY),
        ("[1] The office opens at nine and closes at 5 p.m.", ("office.md", 0, 12), Verdict.PARTLY),
        ("[1] The office opens at nine and closes at 5 p.m.", ("office.md.txt", 14, 58), Verdict.PARTLY),
        ("[1] A day costs 1,250 crowns.", ("office.md", 60, 85), Verdict.WRONG),
        (f" {REFUSAL}", HOURS, Verdict.REFUSED),
        ("[1]", HOURS, Verdict.REFUSED),
    ],
)
def test_verdicts(text: str, cited: tuple[str, int, int], expected: Verdict) -> None:
    assert judged(question(), answer(text, cited)) is expected


def test_nothing_but_the_refusal_is_right_where_no_document_answers() -> None:
    absent = question(kind="absent", documents=(), values=(), spans=(), least=0)
    assert judged(absent, answer(REFUSAL)) is Verdict.RIGHT
    assert judged(absent, answer("The office opens at nine.")) is Verdict.WRONG


@pytest.mark.parametrize(
    ("value", "text", "is_said"),
    [
        ("25", "It costs 1,250 crowns.", False),
        ("1,250", "It costs 1,250 crowns.", True),
        ("1", "It costs 1,250 crowns.", False),
        ("250", "It costs 1,250 crowns.", False),
        ("nine", "ninety", False),
        ("Berg’s", "It is berg's.", True),
        ("五天", "员工每年有五天假。", True),
    ],
)
def test_a_value_is_no_part_of_another(value: str, text: str, is_said: bool) -> None:
    asked = question(values=((value,),), least=1, spans=())
    assert (judged(asked, answer(text, HOURS)) is Verdict.RIGHT) is is_said


def test_a_row_a_kind_with_the_computed_ones_apart() -> None:
    table, computed = question(kind="table"), question(kind="table", is_computed=True)
    verdicts = [(table, Verdict.RIGHT), (table, Verdict.WRONG), (computed, Verdict.REFUSED)]
    rows = rows_of([Judged(asked, answer(""), each) for asked, each in verdicts])
    assert [(row["method"], row["questions"], row["share_right"]) for row in rows] == [
        ("table", 2, 0.5),
        ("table, computed", 1, 0.0),
        ("all", 3, 0.333),
    ]


def test_reads_what_it_is_given(tmp_path: Path) -> None:
    history = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ann."}]
    (tmp_path / "tune.jsonl").write_text(json.dumps(RECORD | {"history": history}), encoding="utf-8")
    (read,) = read_questions(tmp_path, "tune")
    assert (read.text, read.least, read.is_answerable) == ("When does the office open?", 1, True)
    assert [message.content for message in read.history] == ["Who?", "Ann."]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "odd"},
        {"question": ""},
        {"values": ["at nine"]},
        {"values": [[]]},
        {"documents": []},
        {"least": 2},
        {"least": 0},
        {"history": [{"role": "system", "content": "x"}]},
        {"history": ["x"]},
    ],
)
def test_other_records_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "tune.jsonl").write_text(json.dumps(RECORD | change), encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_questions(tmp_path, "tune")


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(given)


def test_a_run_reads_the_documents_and_asks_them(tmp_path: Path, settings: Settings) -> None:
    questions = tmp_path / "set"
    (questions / "documents" / "tune").mkdir(parents=True)
    (questions / "documents" / "tune" / "office.md").write_text(f"# {TEXT}\n", encoding="utf-8")
    absent = {"id": "2", "kind": "absent", "question": "Who painted the ceiling of the chapel in Rome?"}
    lines = [json.dumps(record) for record in (RECORD, absent)]
    (questions / "tune.jsonl").write_text("\n".join(lines), encoding="utf-8")
    given = ("--half", "tune", "--questions", str(questions), "--details", str(tmp_path / "details.jsonl"))
    rows = {row["method"]: row for row in run(arguments(*given), settings).rows}
    assert {name: row["right"] for name, row in rows.items()} == {"plain": 1, "absent": 1, "all": 2}
    details = [json.loads(line) for line in (tmp_path / "details.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(one["id"], one["verdict"]) for one in details] == [("1", "right"), ("2", "right")]
    (whole,) = [row for row in run(arguments(*given, "--evidence"), settings).rows if row["method"] == "all"]
    assert whole["right"] == 2
    with pytest.raises(InputError, match="no question"):
        run(arguments(*given, "--kind", "faq"), settings)
    assert set(KINDS) >= {"plain", "faq"}
