"""Questions written for training become lists as serving finds them, and those become pairs hard to tell apart."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from app.config.settings import Settings
from app.errors import InputError
from app.training.cross_encoder.pairs import PairList, pair_list, read_pairs, write_pairs, written_pairs
from app.training.relevance.lists import Judged
from app.training.relevance.written import WRITTEN, Written, written_lists
from retrieval.evidence.relevance_features import Candidate

POOL = """# Swimming pool

The pool opens at seven on weekdays. A ticket for the pool is four euros.

Dogs have to wait outside. The café beside the pool opens at nine.
"""
GYM = "# Gym\n\nThe gym is closed on Mondays. A ticket for the gym is six euros.\n"


def _line(key: str, question: str, document: str, span: str = "", value: str = "") -> dict[str, object]:
    if not span:
        near = {"id": key, "kind": "absent", "question": question, "documents": [], "values": [], "spans": []}
        return near | {"near": [document], "least": 0}
    return {"id": key, "kind": "plain", "question": question, "documents": [document], "values": [[value]],
            "spans": [span]}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Written]:
    folder = tmp_path_factory.mktemp("questions")
    documents = folder / "own" / "documents"
    documents.mkdir(parents=True)
    (documents / "pool.md").write_text(POOL, encoding="utf-8")
    (documents / "gym.md").write_text(GYM, encoding="utf-8")
    lines = [
        _line("1", "when does the pool open", "pool.md", "The pool opens at seven on weekdays.", "at"),
        _line("2", "can i bring my dog to the pool", "pool.md", "Dogs have to wait outside.", "outside"),
        _line("3", "how warm is the water of the pool", "pool.md"),
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "own" / "train.jsonl").write_text(text, encoding="utf-8")
    home = tmp_path_factory.mktemp("home")
    found = written_lists(folder, Settings.load().replace(home=home), sample=False)
    return list(found)


def _texts(one: Written, *, right: bool) -> set[str]:
    return {
        own.text for own, is_right in zip(one.judged.candidates, one.judged.right, strict=True) if is_right is right
    }


def test_what_was_named_is_right_and_other_documents_are_wrong(written: list[Written]) -> None:
    alone, among = (
        next(one for one in written if one.name == "own 2" and one.is_alone is way) for way in (True, False)
    )
    assert _texts(alone, right=True) == _texts(among, right=True) == {"Dogs have to wait outside."}
    assert "A ticket for the gym is six euros." not in _texts(alone, right=False)
    assert "A ticket for the gym is six euros." in _texts(among, right=False)
    assert alone.judged.kind == "answered"


def test_what_has_a_value_and_was_not_named_is_left_out(written: list[Written]) -> None:
    first = next(one for one in written if one.name == "own 1")
    assert _texts(first, right=True) == {"The pool opens at seven on weekdays."}
    assert not any("at nine" in text for text in _texts(first, right=False))
    assert "Dogs have to wait outside." in _texts(first, right=False)


def test_nothing_answers_what_is_absent(written: list[Written]) -> None:
    own = [one for one in written if one.name == "own 3"]
    assert [one.is_alone for one in own] == [True, False]
    assert all(not one.is_answerable and not any(one.judged.right) and one.judged.candidates for one in own)


def _judged(texts: str, right: str) -> Judged:
    rights = tuple(text in right for text in texts)
    return Judged("Which?", tuple(Candidate(text, 0, 0.5) for text in texts), rights, rights, "answered")


def _by_text(one: PairList) -> dict[str, float]:
    return {text: share for (_, text), share in zip(one.units, one.share, strict=True)}


def test_pairs_are_the_answer_and_what_is_taken_for_it_most() -> None:
    scores_C = np.array([5, 4, 3, 2, 1, 0], np.float32)
    made = _by_text(pair_list(_judged("abcdef", "e"), scores_C, 4, random.Random(1)))
    assert made["e"] == 1
    assert {"a", "b"} < made.keys()
    assert len(made) == 4
    none = _by_text(pair_list(_judged("abcdef", ""), scores_C, 4, random.Random(1)))
    assert len(none) == 4
    assert set(none.values()) == {0}


def test_pairs_of_a_written_question_are_of_both_lists() -> None:
    scores_C = np.array([5, 4, 3, 2, 1, 0], np.float32)
    lists = [(_judged("abcdef", "ef"), scores_C), (_judged("axyzef", "ef"), scores_C)]
    made = written_pairs(lists, 5, random.Random(1), taken_away=0)
    assert made is not None
    assert _by_text(made) == {"e": 0.5, "f": 0.5, "a": 0, "b": 0, "x": 0}
    gone = written_pairs(lists, 5, random.Random(1), taken_away=1)
    assert gone is not None
    assert _by_text(gone) == {"a": 0, "b": 0, "c": 0, "d": 0, "x": 0}
    assert written_pairs([(_judged("e", "e"), scores_C[:1])], 5, random.Random(1), taken_away=1) is None


def test_pairs_are_kept(tmp_path: Path) -> None:
    lists = [PairList("Why?", (("A\nB", "Because — so."), ("", "No.")), (1.0, 0.0))]
    write_pairs(lists, tmp_path / "pairs.jsonl")
    assert read_pairs(tmp_path / "pairs.jsonl") == lists


def test_a_folder_without_questions_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no questions"):
        list(written_lists(tmp_path, Settings()))


def test_every_line_of_ours_is_of_the_form() -> None:
    parts = sorted(WRITTEN.glob("*/train.jsonl"))
    assert len(parts) >= 3
    for part in parts:
        lines = [json.loads(line) for line in part.read_text(encoding="utf-8").splitlines()]
        assert len({line["id"] for line in lines}) == len(lines)
        for line in lines:
            assert bool(line["spans"]) == bool(line["values"]) == bool(line["documents"]) == (line["kind"] != "absent")
            if line.get("corpus") != "sample":
                assert all((part.parent / "documents" / one).is_file() for one in line["documents"])
