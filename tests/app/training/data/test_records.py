"""Splits hold whole articles, sentences put together give the paragraph back, missing data is said in two lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.data import records
from app.training.errors import DataMissingError


@given(st.text())
def test_sentences_joined_give_the_squeezed_text(text: str) -> None:
    assert " ".join(records.sentences(text)) == records.squeeze(text)


def test_sentences_end_at_marks_and_not_at_abbreviations() -> None:
    text = 'Mr. Brown met J. Smith in the U.S. Army. "Why?" he asked. It was 5 p.m. (He knew.) Then he left.'
    assert records.sentences(text) == [
        "Mr. Brown met J. Smith in the U.S. Army.",
        '"Why?" he asked.',
        "It was 5 p.m.",
        "(He knew.)",
        "Then he left.",
    ]


@given(st.text(min_size=1))
def test_an_article_is_in_one_split_however_its_title_is_written(title: str) -> None:
    assert records.split_of(title.replace(" ", "_")) == records.split_of(f" {title} ")


def test_splits_have_their_shares() -> None:
    splits = [records.split_of(f"Article {i}") for i in range(5000)]
    assert 0.03 < splits.count("heldout") / 5000 < 0.05
    assert 0.02 < splits.count("validation") / 5000 < 0.04


def test_misspellings_are_turned_round_and_phrases_left_out(tmp_path: Path) -> None:
    entries = [{"bad": "teh", "good": ["the"]}, {"bad": "hte", "good": ["the"]}, {"bad": "alot", "good": ["a lot"]}]
    path = tmp_path / "misspellings_codespell.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    assert records.misspellings(tmp_path) == {"the": ["teh", "hte"]}


def test_missing_data_has_cause_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError) as raised:
        records.squad_passages(tmp_path)
    assert "--data" in raised.value.hint
