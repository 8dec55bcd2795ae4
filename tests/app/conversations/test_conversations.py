"""Conversations: kept as they were, and for one browser only."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from pathlib import Path
from types import MappingProxyType

import pytest

from app.conversations.store import Conversations
from app.conversations.turns import Problem, Turn, compare, from_json, messages, to_json
from app.generation.events import Answer
from app.generation.prompts import REFUSAL, Message
from corpora.store import schema
from tests.support.page_fakes import HOSTILE, FakePipeline, stats


def answered(question: str = "What is assert?") -> Turn:
    answer = FakePipeline()._answer(question, "[1] yes", 3, "eos")
    return Turn(question=question, corpus="sample", answer=answer)


@pytest.fixture
def store(tmp_path: Path) -> Conversations:
    return Conversations(tmp_path / "new" / "conversations.sqlite3")


def test_turns_come_back_as_they_were(store: Conversations) -> None:
    first, second = answered(), Turn(question="?", corpus="x", problem=Problem("cause", "hint"))
    conversation, first_id = store.add("mine", "", first)
    again, second_id = store.add("mine", conversation, second)
    assert again == conversation
    kept = store.turns("mine", conversation)
    assert kept == [dataclasses.replace(first, id=first_id), dataclasses.replace(second, id=second_id)]
    assert [entry.title for entry in store.of("mine")] == ["What is assert?"]


def test_they_survive_a_restart(tmp_path: Path) -> None:
    conversation, _ = Conversations(tmp_path / "c").add("mine", "", answered())
    assert len(Conversations(tmp_path / "c").turns("mine", conversation)) == 1


def test_another_browser_sees_changes_and_deletes_nothing(store: Conversations) -> None:
    conversation, turn_id = store.add("mine", "", answered())
    assert store.of("other") == []
    assert store.turns("other", conversation) == []
    store.replace("other", conversation, Turn(question="changed", corpus="x", id=turn_id))
    store.remove("other", conversation)
    moved, _ = store.add("other", conversation, answered("mine?"))
    assert moved != conversation
    assert [turn.question for turn in store.turns("mine", conversation)] == ["What is assert?"]


def test_a_removed_conversation_is_gone_from_the_file(store: Conversations, tmp_path: Path) -> None:
    conversation, _ = store.add("mine", "", answered("a very particular question"))
    store.remove("mine", conversation)
    assert store.turns("mine", conversation) == []
    assert all(b"very particular" not in path.read_bytes() for path in (tmp_path / "new").iterdir())


def test_the_file_does_not_hold_the_cookie(store: Conversations, tmp_path: Path) -> None:
    store.add("secret-of-the-browser", "", answered())
    assert all(b"secret-of-the-browser" not in path.read_bytes() for path in (tmp_path / "new").iterdir())


@pytest.mark.parametrize("text", [*HOSTILE, "a\ud800b", "\x00\r\n"])
def test_any_text_survives(text: str) -> None:
    answer = FakePipeline()._answer(text, text, 3, "eos")
    turn = Turn(question=text, corpus=text, answer=answer)
    assert from_json(to_json(turn), 0) == turn


def test_read_only_figures_can_be_written() -> None:
    figures = dataclasses.replace(stats(3, 1), stages_s=MappingProxyType({"decode": 1.0}))
    turn = Turn(question="q", corpus="c", answer=Answer("q", "a", (), (), figures, "eos"))
    back = from_json(to_json(turn), 4)
    assert back.id == 4 and back.answer is not None and back.answer.stats.stages_s == {"decode": 1.0}


@pytest.mark.parametrize(
    ("left", "right", "differs_at"),
    [("abc", "abc", None), ("abc", "abd", 2), ("abc", "ab", 2), ("", "a", 0), ("", "", None)],
)
def test_compare_names_the_first_difference(left: str, right: str, differs_at: int | None) -> None:
    answers = [Answer("q", text, (), (), stats(3, forwards), "eos") for text, forwards in ((left, 2), (right, 5))]
    proof = compare(answers[0], *answers)
    assert proof.differs_at == differs_at
    assert (proof.with_forwards, proof.without_forwards) == (2, 5)


def test_several_are_removed_at_once_and_others_stay(store: Conversations) -> None:
    first, _ = store.add("mine", "", answered("one?"))
    second, _ = store.add("mine", "", answered("two?"))
    foreign, _ = store.add("theirs", "", answered("three?"))
    store.remove("mine", first, second, foreign)
    assert store.of("mine") == []
    assert [entry.id for entry in store.of("theirs")] == [foreign]


def test_a_reader_delays_the_overwriting_not_the_deletion(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.2)
    path = tmp_path / "conversations.sqlite3"
    store = Conversations(path)
    conversation, _ = store.add("mine", "", answered())
    with contextlib.closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchone()
        store.remove("mine", conversation)
        assert store.of("mine") == []
    assert "go with the next deletion" in caplog.text


def test_the_target_reads_what_was_answered_and_not_what_failed_or_was_refused() -> None:
    refused = answered("And else?")
    assert refused.answer is not None
    refused = dataclasses.replace(refused, answer=dataclasses.replace(refused.answer, text=REFUSAL))
    failed = Turn("Why?", "sample", problem=Problem("it broke", "mend it"))
    assert messages([answered(), refused, failed, Turn("Running", "sample")]) == (
        Message("user", "What is assert?"),
        Message("assistant", "[1] yes"),
    )
