"""The scorer of evidence learns from lists like those of serving, the same each time, and serves what it learned."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.training.relevance import train
from app.training.relevance.lists import LIST_KINDS, Lists, draw, drawn
from app.training.relevance.pages import AskedOf, Asking, Page, listed, short_forms, texts_of, units
from app.training.relevance.phrasings import about_another, chatty, keywords, mistyped, small_letters, topic
from app.training.relevance.questions import Questions, Typed
from app.training.relevance.synonyms import reworded, synonyms
from app.training.relevance.tables import table_questions
from app.training.relevance.train import (
    Recipe,
    by_kind,
    calibration,
    figures_of,
    learn,
    learn_rarity,
    scaled,
)
from app.training.relevance.vectors import Vectors
from retrieval.evidence.relevance import LearnedRelevance
from retrieval.evidence.relevance_features import Candidate, features, stem

NAMES = ("Ann", "Bob", "Cid", "Dora", "Eve", "Finn", "Gus", "Hal", "Ida", "Jon")
RECIPE = Recipe(hidden=8, epochs=30, lists_a_step=16, rate=1e-2)


def _page(n: int, name: str) -> Page:
    """Two sentences: where somebody lives, and how old they are."""
    sentences = (f"{name} lives in the town of Oz.", f"{name} is {20 + n} years old.")
    asked = (AskedOf(f"How old is {name}?", (f"{20 + n} years",), 1), AskedOf(f"Where does {name} live?", ("Oz",), 0))
    return Page(name, sentences, asked)


def _embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors that say next to nothing."""
    vectors_TE = np.ones((len(texts), 4), np.float32)
    vectors_TE[:, 0] += [len(text) / 100 for text in texts]
    normal: NDArray[np.float32] = vectors_TE / np.linalg.norm(vectors_TE, axis=1, keepdims=True)
    return normal


@pytest.fixture(scope="module")
def questions() -> Questions:
    pages = tuple(_page(n, name) for n, name in enumerate(NAMES))
    typed = tuple(
        Typed(n, asked, asked.text, f"How old is {NAMES[n - 1]}?")
        for n, page in enumerate(pages)
        for asked in page.asked
    )
    return Questions(pages, typed * 8, tuple(table_questions(random.Random(4))))


@pytest.fixture(scope="module")
def lists(questions: Questions, tmp_path_factory: pytest.TempPathFactory) -> Lists:
    torch.set_num_threads(1)
    return _draw(questions, tmp_path_factory.mktemp("vectors"))


def _draw(questions: Questions, folder: Path) -> Lists:
    vectors = Vectors(folder, _embed, 4)
    vectors.add(questions.texts())
    return draw(questions, vectors, learn_rarity(_sentences(questions)), random.Random(1))


def _sentences(questions: Questions) -> list[str]:
    return [sentence for page in questions.pages for sentence in page.sentences]


def test_it_learns_what_cosines_do_not_say(lists: Lists) -> None:
    scores_R = learn(lists, RECIPE).layers()(lists.features_RF)
    cosine_R = lists.features_RF[:, 0]
    before, after = figures_of(cosine_R, cosine_R, lists), figures_of(scores_R, scores_R, lists)
    assert after.first > max(0.85, before.first)
    assert after.refused > 0.7 > before.refused
    assert "%" in str(after)
    assert all(kind in by_kind(scores_R, lists) for kind in LIST_KINDS)


def test_lists_are_drawn_and_learned_the_same_each_time(questions: Questions, lists: Lists, tmp_path: Path) -> None:
    again = _draw(questions, tmp_path)
    np.testing.assert_array_equal(again.features_RF, lists.features_RF)
    first, second = (learn(one, RECIPE).layers() for one in (lists, again))
    np.testing.assert_array_equal(first.first_FH, second.first_FH)
    assert 0.1 < 1 - lists.answerable_L.mean() < 0.6
    assert set(lists.kind_L.tolist()) == set(range(len(LIST_KINDS)))


def test_what_is_served_is_what_was_learned(questions: Questions, lists: Lists, tmp_path: Path) -> None:
    network, rarity = learn(lists, RECIPE), learn_rarity(_sentences(questions))
    LearnedRelevance("letters@1", rarity, network.layers()).write(tmp_path / "relevance.npz")
    served = LearnedRelevance.read(tmp_path / "relevance.npz")
    assert served.rarity.names == rarity.names
    judged = [
        Candidate(text, number, 0.5 - 0.04 * number, page.title, 0.4)
        for number, page in enumerate(questions.pages[:3])
        for text in page.sentences
    ]
    with torch.no_grad():
        own_S = network(torch.from_numpy(features("How old is Bob?", judged, served.rarity)))
    np.testing.assert_allclose(served.scores("How old is Bob?", judged), own_S.numpy(), atol=1e-3)


def test_a_question_is_typed_in_many_ways() -> None:
    rng, question = random.Random(2), "Where was the treaty of Paris signed in 1783?"
    assert small_letters(question) == "where was the treaty of paris signed in 1783"
    assert keywords(question) == "treaty paris signed 1783"
    assert small_letters(question) in chatty(question, rng)
    slips = {mistyped(question, {"treaty": ["treatty"]}, rng).lower() for _ in range(40)}
    assert any("treatty" in one for one in slips)
    assert all(one.rstrip("?") != small_letters(question) for one in slips)
    others = {about_another(question, ["London"], rng) for _ in range(40)}
    assert any(one is not None and "London" in one for one in others)
    assert all(one is not None and ("Paris" not in one or "1783" not in one) for one in others)
    assert about_another("where is it?", ["London"], rng) is None
    assert topic("How much does the annual leave cost?") == "Annual leave cost"
    assert reworded("the holiday begins", {"holiday": ["vacation"]}, random.Random(1)) in (
        "the holiday begins", "the vacation begins",
    )  # fmt: skip


def test_synonyms_are_near_and_begin_otherwise(tmp_path: Path) -> None:
    words = ["begin", "begins", "house", "start"]
    vectors_TE = {"begin": (1, 0), "begins": (1, 0), "house": (0, 1), "start": (0.9, 0.436)}

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([vectors_TE[text] for text in texts], np.float32)

    found = synonyms(words, Vectors(tmp_path, embed, 2))
    assert found == {"begin": ["start"], "begins": ["start"], "start": ["begin", "begins"]}


def test_a_page_has_every_form_and_only_texts_that_are_known_beforehand() -> None:
    sentence = "Its rivers, which are long, include the Ann, the Bob and the Cid, as maps say."
    page = Page(
        "Rivers", (sentence, "It has hills such as Ida, Jon and Kai."), (AskedOf("Which river is long?", ("Ann",), 0),)
    )
    known, rng = set(texts_of(page)), random.Random(3)
    asking = Asking(page.asked[0], "which river", frozenset())
    drawn = [units(page, asking, rng) for _ in range(200)]
    assert all(unit.text in known and set(unit.leads) <= known for one in drawn for unit in one)
    assert {unit.kind for one in drawn for unit in one} == {"sentence", "list"}
    assert {len(unit.leads) for one in drawn for unit in one} == {0, 1, 2}
    assert any(unit.leads[-1:] == ("Which river is long?",) for one in drawn for unit in one)
    gone = units(page, Asking(page.asked[0], "", frozenset({0})), rng)
    assert all(unit.sentence != 0 for unit in gone)
    assert "Ann" in short_forms(page.asked[0], sentence)[-1]
    assert listed(page.sentences[1]) == "It has hills such as:\n- Ida\n- Jon\n- Kai"


def test_tables_have_rows_for_some_questions_and_none_for_others() -> None:
    drawn = [one for seed in range(30) for one in table_questions(random.Random(seed))]
    assert {one.right is None for one in drawn} == {True, False}
    for one in drawn:
        assert all(" | " in row for row in one.rows)


def test_vectors_are_computed_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.extend(texts)
        return _embed(texts)

    first = Vectors(tmp_path, embed, 4)
    first.add(["a", "bb", "a"])
    again = Vectors(tmp_path, embed, 4)
    again.add(["bb", "ccc\n"])
    assert asked == ["a", "bb", "ccc\n"]
    np.testing.assert_allclose(again.of(["a", "ccc\n"]), _embed(["a", "ccc\n"]), atol=1e-3)


def test_names_are_told_from_ordinary_words() -> None:
    rarity = learn_rarity([f"In the {word} of Oslo it rains." for word in ("north", "south") * 5])
    assert rarity.is_name(stem("oslo"))
    assert rarity.is_ordinary("in")
    assert not rarity.is_ordinary("never")


def test_it_is_learned_where_neither_faiss_nor_the_page_is_installed() -> None:
    blocked = ("faiss", "gradio", "langchain_core", "sentence_transformers", "fastapi")
    code = f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\nimport {train.__name__}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_scores_are_calibrated_on_lists_that_were_not_learned(questions: Questions, tmp_path: Path) -> None:
    half = len(questions.pages) // 2
    learned_from, held = (
        replace(questions, typed=tuple(one for one in questions.typed if (one.page < half) is first), tables=())
        for first in (True, False)
    )
    vectors = Vectors(tmp_path, _embed, 4)
    vectors.add(questions.texts())
    lexicon = learn_rarity(_sentences(questions))
    network = learn(draw(learned_from, vectors, lexicon, random.Random(1)), RECIPE)
    judged = list(drawn(held, vectors, random.Random(7)))
    slope, offset = calibration(network, judged, lexicon)
    scorer = LearnedRelevance("", lexicon, network.layers())
    best, right = [], []
    for one in judged:
        scores, in_vain = scorer.first_stage(one.question, one.candidates, one.passages)
        if not in_vain:
            best.append(float(scores.max()))
            right.append(one.right[int(scores.argmax())])
    chance = 1 / (1 + np.exp(-(slope * np.array(best) + offset)))
    assert abs(chance.mean() - np.mean(right)) < 0.06
    plain = 1 / (1 + np.exp(-np.array(best)))
    assert _log_loss(chance, right) <= _log_loss(plain, right) + 1e-6


def _log_loss(chance: NDArray[np.float64], right: Sequence[bool]) -> float:
    given = np.clip(np.where(right, chance, 1 - chance), 1e-9, 1)
    return float(-np.log(given).mean())


def test_a_scaled_network_scores_as_the_scale_says(lists: Lists) -> None:
    before = learn(lists, RECIPE).layers()
    scores_R = before(lists.features_RF)
    np.testing.assert_allclose(scaled(before, 0.5, 1.5)(lists.features_RF), 0.5 * scores_R + 1.5, rtol=1e-3, atol=1e-2)
    twice = lists.beside(lists)
    assert len(twice) == 2 * len(lists)
    assert twice.starts_L[-1] == len(twice.features_RF) == 2 * len(lists.features_RF)
