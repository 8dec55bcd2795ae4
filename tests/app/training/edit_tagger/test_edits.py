"""Learning likely edits: tags that undo errors, a network that learns them, files that keep what it knows."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from app.likely_edits import tags
from app.likely_edits.tables import Tables, read_tables, write_tables
from app.likely_edits.tagger import Network, Tagger, read_network, write_network
from app.likely_edits.words import words_of
from app.training.edit_tagger import train
from app.training.edit_tagger.examples import NO_WORD, Batches, Undoing
from app.training.edit_tagger.train import Learner

SUBJECTS = "The teacher,Our old neighbour,Every student of the school,A careful writer,The youngest child".split(",")
VERBS = "walks talks listens answers walked talked listened answered walking talking listening walk talk".split()
ENDS = "to the station.,in the garden with a friend.,about an idea that he likes.,at the end of the day.".split(",")
MISSPELT = {"friend": ["freind", "frend"], "garden": ["gardan"], "school": ["shcool"]}


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    rng = random.Random(0)
    return [f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(ENDS)}" for _ in range(900)]


@pytest.fixture(scope="module")
def tables(sentences: list[str]) -> Tables:
    return train.collect([sentences], MISSPELT)


@pytest.fixture(scope="module")
def undoing(sentences: list[str], tables: Tables) -> Undoing:
    return Undoing(train.errors_of([sentences], MISSPELT, tables), tables)


def test_collecting_takes_words_their_forms_and_misspellings(tables: Tables) -> None:
    assert tables.vocabulary["the"] < tables.vocabulary["garden"]
    assert sorted(tables.vocabulary.values()) == list(range(len(tables.vocabulary)))
    assert {"walked", "walking", "walks"} <= set(tables.families["walk"])
    assert tables.misspelt == {"freind": "friend", "frend": "friend", "gardan": "garden", "shcool": "school"}


def test_rare_words_are_right_more_than_once_and_neither_known_nor_misspelt(tables: Tables) -> None:
    prose = [["A chela of the freind spoke, Xanthe too.", "The chela and the freind of Xanthe left."], ["One rugae."]]
    assert train.rare_words(prose, tables) == {"chela"}


@pytest.mark.parametrize(
    ("wrong", "right", "before", "at"),
    [
        ("the teacher walk", "the teacher walks", {}, {2: "form:s"}),
        ("the the teacher", "the teacher", {}, {0: tags.DROP}),
        ("teacher walks", "the teacher walks", {0: "insert:the"}, {}),
        ("teacher walks", "teacher walks.", {2: "insert:."}, {}),
        ("to a freind", "to the friend", {}, {1: "replace:the", 2: tags.SPELL}),
        ("to freind", "to the friend", {1: "insert:the"}, {1: tags.SPELL}),
        ("teacher walks", "teacher surprisingly walks", {1: tags.MISSING}, {}),
        ("To the garden", "to the garden", {}, {0: tags.CASE}),
        ("the garden", "the garden", {}, {}),
    ],
)
def test_tags_undo_what_was_done(
    undoing: Undoing, wrong: str, right: str, before: dict[int, str], at: dict[int, str]
) -> None:
    found_before, found_at, _ = undoing.labels(words_of(wrong), words_of(right))
    assert {place: tags.BEFORE[tag] for place, tag in enumerate(found_before) if tag} == before
    assert {place: tags.AT[tag] for place, tag in enumerate(found_at) if tag} == at


def test_the_word_that_was_meant_is_known_where_it_changed(undoing: Undoing, tables: Tables) -> None:
    _, _, meant = undoing.labels(words_of("to a freind"), words_of("to the friend"))
    assert meant == (NO_WORD, tables.vocabulary["the"], tables.vocabulary["friend"], NO_WORD)


def test_the_same_seed_draws_the_same_batches(undoing: Undoing, sentences: list[str]) -> None:
    first, again, other = (Batches([(1.0, sentences)], undoing, seed=seed, count=3, size=4) for seed in (1, 1, 2))
    assert len(list(first)) == 3
    pairs = list(zip(first, again, strict=True))
    assert all(torch.equal(one.pieces.ids_BN, two.pieces.ids_BN) for one, two in pairs)
    assert all(torch.equal(one.at_W, two.at_W) for one, two in pairs)
    assert any(one.at_W.shape != two.at_W.shape for one, two in zip(first, other, strict=True))


def test_the_network_learns_and_the_files_keep_it(
    undoing: Undoing, sentences: list[str], tables: Tables, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    learner = Learner(tables, layers=2)
    held = list(Batches([(1.0, sentences)], undoing, seed=5, count=2, size=16))
    before = learner.held_out(held)
    kept: list[Network] = []
    learner.train(Batches([(1.0, sentences)], undoing, seed=1, count=40, size=12), 40, kept.append)
    assert kept
    assert learner.held_out(held).total.item() < 0.5 * before.total.item()

    write_tables(tmp_path / "edits.npz", tables)
    write_network(tmp_path / "edits.safetensors", learner.network)
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["edits.npz", "edits.safetensors"]
    read = read_tables(tmp_path / "edits.npz")
    assert read == Tables(tables.vocabulary, tables.families, tables.misspelt)
    tagger = Tagger(read, read_network(tmp_path / "edits.safetensors", read))
    words = words_of("The teacher walks to the station")
    tagged = tagger.tag(words)
    assert tagged.chances_WT.shape == (len(words) + 1, len(tags.TAGS))
    assert np.allclose(tagged.chances_WT[:, : len(tags.BEFORE)].sum(axis=1), 1, atol=1e-3)
    assert np.allclose(tagged.chances_WT[:, len(tags.BEFORE) :].sum(axis=1), 1, atol=1e-3)
    assert np.isclose(np.exp(tagger.meant(tagged, [1])).sum(), 1, atol=1e-3)


def test_more_layers_go_on_from_fewer(tables: Tables, tmp_path: Path) -> None:
    two = Learner(tables, layers=2).network
    write_network(tmp_path / "edits.safetensors", two)
    three = Learner(tables, layers=3, begin=tmp_path / "edits.safetensors").network
    assert [len(one.layers) for one in (two, three)] == [2, 3]
    words = words_of("The teacher walks to the station")
    found = [Tagger(tables, one).tag(words).chances_WT for one in (two, three)]
    assert np.allclose(*found, atol=0.02)


def test_sentences_of_one_text_are_read_each_by_itself(tables: Tables) -> None:
    torch.manual_seed(0)
    tagger = Tagger(tables, Learner(tables, layers=2).network)
    one, other = "The teacher walks in the garden.", "A careful writer answered."
    together = tagger.tag(words_of(f"{one} {other}")).chances_WT
    parts = [tagger.tag(words_of(text)).chances_WT for text in (one, other)]
    assert together.shape[0] == len(words_of(one)) + len(words_of(other)) + 1
    assert np.allclose(together[: len(words_of(one))], parts[0][:-1], atol=0.02)
    behind = len(words_of(one)) + 1
    assert np.allclose(together[behind:], parts[1][1:], atol=0.02)
