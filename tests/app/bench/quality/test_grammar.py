"""The grammar bench: its rows for correctors that are known, its form of text, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.bench.quality.grammar import GrammarItem, as_written, read_items, rows_of
from app.errors import InputError

ITEMS = [
    GrammarItem("He go to school every day .", ("He goes to school every day .",)),
    GrammarItem("They do n't know the way .", ("They do n't know the way .", "They do not know the way .")),
]
RIGHT = {"He go to school every day.": "He goes to school every day."}


def test_a_perfect_corrector_beats_leaving_alone() -> None:
    asked: list[str] = []

    def correct(text: str) -> str:
        asked.append(text)
        return RIGHT.get(text, text)

    uncorrected, target = rows_of(ITEMS, correct)
    assert asked == ["He go to school every day.", "They don't know the way."]
    assert (uncorrected["method"], target["method"]) == ("uncorrected", "target")
    assert target["gleu"] > uncorrected["gleu"] > 0
    assert target["unchanged"] == uncorrected["unchanged"] == 1.0
    assert (target["items"], target["clean_items"]) == (2, 1)
    assert (uncorrected["right"], target["right"]) == (0.0, 1.0)


def test_leaving_alone_scores_as_uncorrected_does() -> None:
    uncorrected, target = rows_of(ITEMS, lambda text: text)
    assert uncorrected | {"method": ""} == target | {"method": ""}


def test_spoiling_a_clean_sentence_shows() -> None:
    uncorrected, target = rows_of(ITEMS, lambda text: text.replace("know", "knew"))
    assert target["unchanged"] == 0.0
    assert target["gleu"] < uncorrected["gleu"]


def test_without_clean_items_nothing_is_claimed_about_them() -> None:
    assert [row["unchanged"] for row in rows_of(ITEMS[:1], lambda text: text)] == [None, None]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("He said , it 's ( very ) late .", "He said, it's (very) late."),
        ("As people write it: don't touch.", "As people write it: don't touch."),
        ("A .5 share", "A .5 share"),
        ("", ""),
    ],
)
def test_as_written(text: str, written: str) -> None:
    assert as_written(text) == written


def test_reads_what_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    lines = [{"source": item.source, "references": list(item.references), "other": 1} for item in ITEMS]
    path.write_text("\ufeff" + "\n".join(json.dumps(line) for line in lines) + "\n\n", encoding="utf-8")
    assert read_items(path) == ITEMS


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no items"),
        (b"\n \n", "no items"),
        (b"not json", "line 1"),
        (b'{"source": "a", "references": ["b"]}\n[1]', "line 2"),
        (b'{"source": "a"}', "line 1"),
        (b'{"source": "a", "references": []}', "line 1"),
        (b'{"source": 1, "references": ["a"]}', "line 1"),
        (b'{"source": "a", "references": [null]}', "line 1"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_other_files_are_refused_in_two_lines(tmp_path: Path, content: bytes, cause: str) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_items(path)
    assert cause in caught.value.cause
    assert "\n" not in caught.value.cause + caught.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_items(tmp_path / "nowhere.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        read_items(tmp_path)
