"""Texts that a program adds: the rules of files by name, the text itself to the character."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.config.settings import Settings
from app.errors import ArgumentError, InputError
from app.library.corpus import Corpus
from corpora.errors import UnstorableDocument

TREES = "The garden committee met on Monday.\n\n  The budget for new trees is 400 euros.\u00a0\n"
CATS = "A cat sleeps about fifteen hours a day."


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus.create("grün und blau", settings=Settings(home=tmp_path))


def test_a_text_is_found_under_its_name_and_kept_to_the_character(corpus: Corpus) -> None:
    outcome = corpus.add_text(TREES, name="minutes")
    assert (outcome.status, outcome.passages, str(outcome.path)) == ("added", 1, "minutes")
    assert corpus.document("minutes").text == TREES
    assert corpus.document("minutes").metadata["title"] == "minutes"
    (hit,) = corpus.search("What is the budget?", k=3)
    assert TREES[hit.passage.start : hit.passage.end] == hit.passage.text


def test_the_same_name_replaces_and_the_same_text_does_nothing(corpus: Corpus, tmp_path: Path) -> None:
    corpus.add_text(TREES, "minutes")
    assert corpus.add_text(TREES, "minutes").status == "unchanged"
    assert corpus.add_text(TREES, "other").status == "duplicate"
    assert corpus.add_text(CATS, "minutes").status == "replaced"
    assert [info.name for info in corpus.documents()] == ["minutes"]
    assert corpus.search("budget for trees", k=3)[0].passage.text == CATS
    assert corpus.add_text(TREES, "other").status == "added"
    file = tmp_path / "cats.txt"
    file.write_text("Kittens sleep longer than cats.")
    corpus.add(file)
    assert corpus.add_text("Kittens do not sleep.", "cats.txt").status == "replaced"
    assert corpus.document("cats.txt").text == "Kittens do not sleep."


def test_the_next_opening_finds_it_and_every_byte_is_sealed(corpus: Corpus, tmp_path: Path) -> None:
    corpus.add_text(TREES, "minutes")
    corpus.close()
    again = Corpus.open("grün und blau", settings=Settings(home=tmp_path))
    assert again.search("budget", k=1)[0].passage.document_name == "minutes"
    assert again.verify() == []


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("", "a", 'the text "a" is empty'),
        (" \n", "a", 'the text "a" is empty'),
        ("x", "", 'a text cannot be called ""'),
        ("x", "a\nb", "a text cannot be called"),
    ],
)
def test_an_empty_text_and_a_name_that_is_none_are_told(corpus: Corpus, text: str, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        corpus.add_text(text, name)
    assert said in caught.value.cause
    assert corpus.documents() == []


@pytest.mark.parametrize(("text", "name"), [(None, "a"), (b"x", "a"), (Path("x"), "a"), ("x", None), ("x", 5)])
def test_what_is_no_text_is_told(corpus: Corpus, text: Any, name: Any) -> None:
    with pytest.raises(ArgumentError, match="not a text"):
        corpus.add_text(text, name)


def test_half_a_character_is_refused(corpus: Corpus) -> None:
    with pytest.raises(UnstorableDocument):
        corpus.add_text("x \ud800 y", "a")
