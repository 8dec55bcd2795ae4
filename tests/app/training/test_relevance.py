"""The scorer of evidence learns from lists like those of serving, the same each time, and serves what it learned."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from app.training import relevance
from app.training.data.candidates import Candidates
from app.training.relevance import Lists, Recipe, draw, figures_of, learn, learn_rarity
from retrieval.relevance import LearnedRelevance
from retrieval.relevance_features import Candidate, features

NAMES = ("Ann", "Bob", "Cid", "Dora", "Eve", "Finn", "Gus", "Hal")
RECIPE = Recipe(hidden=8, epochs=30, lists_a_step=8, rate=1e-2)


@pytest.fixture(scope="module")
def asked() -> Candidates:
    """Passages of two sentences: one tells where somebody lives, one how old they are. Cosines say nothing."""
    sentences = [
        text
        for n, name in enumerate(NAMES)
        for text in (f"{name} lives in the town of Oz.", f"{name} is {20 + n} years old.")
    ]
    count = len(NAMES)
    questions = [(f"How old is {name}?", [f"{20 + n} years"], 2 * n + 1) for n, name in enumerate(NAMES)]
    others = [[other for other in range(count) if other != own] for own in range(count)]
    return Candidates.read(
        {
            "lists": {"sentences": sentences, "questions": questions},
            "starts": np.arange(0, 2 * count + 1, 2, dtype=np.int32),
            "passages": np.array(
                [[own, *others[own], *[-1] * (18 - len(others[own]))] for own in range(count)], np.int32
            ),
            "cosines": np.full(2 * count * count, 128, np.uint8),
        }
    )


@pytest.fixture(scope="module")
def lists(asked: Candidates) -> Lists:
    torch.set_num_threads(1)
    return _draw(asked)


def _draw(asked: Candidates) -> Lists:
    rarity = learn_rarity(asked.sentences)
    return draw(asked, rarity, random.Random(1), unanswerable=0.3, varied=True, times=8)


def test_it_learns_what_cosines_do_not_say(lists: Lists) -> None:
    scores_R = learn(lists, RECIPE).layers()(lists.features_RF)
    cosine_R = lists.features_RF[:, 0]
    before, after = figures_of(cosine_R, cosine_R, lists), figures_of(scores_R, scores_R, lists)
    assert before.first < 0.5
    assert after.first > 0.9
    assert after.refused > 0.8
    assert "%" in str(after)


def test_lists_are_drawn_and_learned_the_same_each_time(asked: Candidates, lists: Lists) -> None:
    again = _draw(asked)
    np.testing.assert_array_equal(again.features_RF, lists.features_RF)
    first, second = (learn(one, RECIPE).layers() for one in (lists, again))
    np.testing.assert_array_equal(first.first_FH, second.first_FH)
    assert 0.1 < 1 - lists.answerable_L.mean() < 0.5
    sizes = set(np.diff(lists.starts_L).tolist())
    assert {8} < sizes, "some lists have more or fewer than four passages"


def test_what_is_served_is_what_was_learned(asked: Candidates, lists: Lists, tmp_path: Path) -> None:
    network, rarity = learn(lists, RECIPE), learn_rarity(asked.sentences)
    LearnedRelevance("letters@1", rarity, network.layers()).write(tmp_path / "relevance.npz")
    served = LearnedRelevance.read(tmp_path / "relevance.npz")
    judged = [Candidate(asked.sentences[row], row // 2, 0.5 - 0.04 * (row == 0)) for row in range(6)]
    with torch.no_grad():
        own_S = network(torch.from_numpy(features("How old is Bob?", judged, served.rarity)))
    # Five nats for a cosine of 1 less than the best, beyond what was learned.
    expected_S = own_S.numpy() - 5.0 * np.array([0.04, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(served.scores("How old is Bob?", judged), expected_S, atol=1e-3)
    assert int(own_S.argmax()) == 3


def test_it_is_learned_where_neither_faiss_nor_the_page_is_installed() -> None:
    blocked = ("faiss", "gradio", "langchain_core", "sentence_transformers", "fastapi")
    code = f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\nimport {relevance.__name__}\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
