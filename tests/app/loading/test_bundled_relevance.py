"""What judges by default finds the answering sentence where cosines do not, and knows when none answers."""

from __future__ import annotations

import pytest

from app.config.settings import Settings
from app.loading.bundled import RELEVANCE
from app.loading.search_models import SearchModels, relevance_for
from retrieval.encoder_files import DEFAULT_ENCODER, find_encoder
from retrieval.evidence.relevance import CosineRelevance, LearnedRelevance, Relevance
from retrieval.evidence.relevance_features import Candidate

# Each with (passage, sentence, cosine of the bundled encoder, rounded); the star marks what answers.
ITEMS = (
    (
        "How tall is the Eiffel Tower?",
        (
            (0, "The Eiffel Tower is a lattice tower on the Champ de Mars in Paris.", 0.68),
            (0, "* The tower is 330 metres tall, about as much as a building of 81 floors.", 0.63),
            (1, "The Tower of London was founded by William the Conqueror.", 0.35),
        ),
    ),
    (
        "When was the Suez Canal opened?",
        (
            (0, "The Suez Canal is a waterway in Egypt that joins two seas.", 0.72),
            (0, "* After ten years of work the canal was opened on 17 November 1869.", 0.69),
            (1, "The Panama Canal has locks, which the Suez Canal does not need.", 0.62),
        ),
    ),
    (
        "Who wrote the opera Fidelio?",
        (
            (0, "Fidelio is an opera in two acts, first performed in Vienna.", 0.70),
            (0, "* The only opera that Ludwig van Beethoven wrote, Fidelio tells of Leonore.", 0.69),
            (1, "An opera is a drama that is set to music for singers.", 0.38),
        ),
    ),
    (
        "How many moons does Mars have?",
        (
            (0, "The moons of Mars are named after companions of the god of war.", 0.70),
            (0, "* Mars has two moons, Phobos and Deimos.", 0.69),
            (1, "Jupiter has 95 moons that are known.", 0.52),
        ),
    ),
    (
        "Why do leaves turn red in autumn?",
        (
            (0, "Leaves that turn red in autumn draw many visitors to New England.", 0.72),
            (0, "* They turn red because the green chlorophyll is broken down when days get short.", 0.66),
            (1, "Conifers keep their needles over the winter.", 0.33),
        ),
    ),
)


@pytest.fixture(scope="module")
def served() -> Relevance:
    """Scorer and cross-encoder."""
    return SearchModels(Settings()).relevance()


def test_the_answering_sentence_comes_first(served: Relevance) -> None:
    learned, by_cosine = [], []
    for question, rows in ITEMS:
        candidates = [Candidate(text.removeprefix("* "), passage, cosine) for passage, text, cosine in rows]
        right = next(at for at, row in enumerate(rows) if row[1].startswith("*"))
        for scorer, found in ((served, learned), (CosineRelevance(), by_cosine)):
            scores = scorer.scores(question, candidates)
            found.append(max(range(len(rows)), key=scores.__getitem__) == right)
    assert by_cosine == [False] * len(ITEMS)
    assert sum(learned) >= 4


def test_a_question_that_nothing_answers_is_told_from_one_that_is_answered(served: Relevance) -> None:
    refused = []
    for question, rows in ITEMS:
        candidates = [Candidate(text.removeprefix("* "), passage, cosine) for passage, text, cosine in rows]
        answered = max(served.scores(question, candidates))
        without = max(served.scores(question, [one for one in candidates if one.passage == 1]))
        assert without < answered
        refused.append(without < 0 < answered)
    assert sum(refused) >= 4


def test_it_serves_the_encoder_it_was_learned_with_and_no_other() -> None:
    assert isinstance(relevance_for(find_encoder(DEFAULT_ENCODER).name), LearnedRelevance)
    assert isinstance(relevance_for("another/encoder@1"), CosineRelevance)
    assert RELEVANCE.stat().st_size < 700 * 1024


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("Where was order 99999 shipped?", ("99999",)),
        ("Where was order 10610 shipped?", ()),
        ("how many orders went out on Sunday", ("Sunday",)),
        ("What was shipped to Oslo?", ()),
    ],
)
def test_what_a_question_names_and_nothing_has_is_told(question: str, missing: tuple[str, ...]) -> None:
    texts = ["Orders of May", "Order 10610 was shipped to Oslo on Monday. Order 10407 was shipped to Bergen."]
    found = relevance_for(find_encoder(DEFAULT_ENCODER).name).missing(question, texts)
    assert [name.casefold() for name in found] == [name.casefold() for name in missing]
