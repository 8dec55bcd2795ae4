"""Learning likely edits: tags that undo corruptions, a network that learns them, a file that keeps what it knows."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from app.likely_edits import tags
from app.likely_edits.features import features_of, names_of
from app.likely_edits.tables import Tables, read_tables, write_tables
from app.likely_edits.tagger import Tagger
from app.likely_edits.words import words_of
from app.training import edits, word_forms
from app.training.errors_synth import Corruptor

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
    return edits.collect([sentences], MISSPELT)


def test_collecting_takes_words_their_forms_and_misspellings(tables: Tables) -> None:
    assert tables.vocabulary["the"] < tables.vocabulary["garden"]
    assert "teacher" in tables.vocabulary
    assert {"walked", "walking", "walks"} <= set(tables.families["walk"])
    assert tables.misspelt == {"freind": "friend", "frend": "friend", "gardan": "garden", "shcool": "school"}


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        ("the teacher walk", "the teacher walks", {2: "form:s"}),
        ("the the teacher", "the teacher", {0: tags.DROP}),
        ("teacher walks", "the teacher walks", {0: "insert:the"}),
        ("teacher walks", "teacher walks.", {2: "insert:."}),
        ("to a freind", "to the friend", {1: "replace:the", 2: tags.SPELL}),
        ("To the garden", "to the garden", {0: tags.CASE}),
        ("the garden", "the garden", {}),
    ],
)
def test_tags_undo_what_was_done(tables: Tables, wrong: str, right: str, expected: dict[int, str]) -> None:
    found = edits.tags_between(words_of(wrong), words_of(right), tables)
    assert {at: tag for at, tag in enumerate(found) if tag != tags.KEEP} == expected


def test_the_network_learns_and_the_file_keeps_it(sentences: list[str], tables: Tables, tmp_path: Path) -> None:
    torch.manual_seed(0)
    corruptor = Corruptor(word_forms.learn(sentences), MISSPELT)
    learned = edits.examples(sentences[:700], corruptor, tables, random.Random(1))
    held = edits.examples(sentences[700:], corruptor, tables, random.Random(2))
    shares = np.bincount(held.tags_B) / len(held.tags_B)
    guessed = -float(np.log(shares[shares > 0]) @ shares[shares > 0])
    network = edits.train(learned, held, tables, epochs=12, batch=128)
    assert edits.held_out_loss(network, held) < 0.8 * guessed

    write_tables(tmp_path / "edits.npz", tables, edits.weights_of(network))
    read = read_tables(tmp_path / "edits.npz")
    assert (read.vocabulary, read.families, read.misspelt) == (tables.vocabulary, tables.families, tables.misspelt)
    words = words_of("The freind walk to the garden")
    chances_WT = Tagger(read).tag(words)
    assert chances_WT.shape == (len(words) + 1, len(tags.TAGS))
    assert np.allclose(chances_WT.sum(axis=1), 1, atol=1e-5)
    assert chances_WT[1, tags.TAGS.index(tags.SPELL)] > 0.3
    names = {name: at for at, name in enumerate(names_of(tables.vocabulary, edits.EMBEDDED))}
    exact_WT = network(torch.from_numpy(features_of(words, names))).softmax(1).detach().numpy()
    assert np.abs(chances_WT - exact_WT).max() < 0.05
