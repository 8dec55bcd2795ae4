"""Sentences are judged by what was learned where it holds, by their cosines elsewhere, always on one scale."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corpora.documents import Document, Passage
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.errors import DamagedRelevance
from retrieval.evidence.cross_encoder import Blend, Reranker
from retrieval.evidence.lexical_relevance import LexicalRelevance
from retrieval.evidence.relevance import CosineRelevance, Layers, LearnedRelevance
from retrieval.evidence.relevance_features import Candidate, Lexicon, features, stems
from retrieval.evidence.selection import select_evidence
from retrieval.interfaces import Hit, log_odds
from tests.support.retrieval_fakes import LetterEncoder

RARITY = Lexicon({"tower": 3.0, "tall": 4.0, "metr": 5.0}, 9.0)
CANDIDATES = (
    Candidate("The tower stands in Paris.", 0, 0.62),
    Candidate("It is 330 metres tall.", 0, 0.55),
    Candidate("Bees dance because they found flowers.", 1, 0.1),
)
QUESTION = "How tall is the tower in metres?"


def learned(seed: int = 0, hidden: int = 5) -> LearnedRelevance:
    """A network of chance."""
    width = features(QUESTION, CANDIDATES, RARITY).shape[1]
    rng = np.random.default_rng(seed)

    def random(*shape: int) -> NDArray[np.float32]:
        return np.asarray(rng.normal(size=shape), np.float32)

    layers = Layers(
        first_FH=random(width, hidden),
        first_bias_H=random(hidden),
        second_HH=random(hidden, hidden),
        second_bias_H=random(hidden),
        last_H=random(hidden),
        direct_F=random(width),
        last_bias=random(),
    )
    return LearnedRelevance("letters@1", RARITY, layers)


def test_the_cosine_alone_is_even_at_a_half() -> None:
    assert CosineRelevance().scores(QUESTION, CANDIDATES) == [log_odds(one.similarity) for one in CANDIDATES]
    assert log_odds(0.5) == 0.0
    assert log_odds(0.6) == pytest.approx(2.0)


def test_a_file_gives_the_same_scores_again(tmp_path: Path) -> None:
    scorer, file = learned(), tmp_path / "relevance.npz"
    scorer.write(file)
    again = LearnedRelevance.read(file)
    assert again.encoder == "letters@1"
    assert again.rarity == RARITY
    assert again.scores(QUESTION, CANDIDATES) == scorer.scores(QUESTION, CANDIDATES)
    assert again.scores(QUESTION, CANDIDATES) != learned(seed=1).scores(QUESTION, CANDIDATES)
    first = file.read_bytes()
    scorer.write(file)
    assert file.read_bytes() == first


class _Praise:
    """A cross-encoder that finds everything right, and counts."""

    def __init__(self) -> None:
        self.read = 0

    def scores(self, question: str, units: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.read += len(units)
        return np.full(len(units), 9.0, np.float32)


def test_the_second_stage_judges_what_is_asked_in_english_and_not_in_vain() -> None:
    praise = _Praise()
    scorer = replace(learned(), reranker=Reranker(praise, Blend(0.01, 1.0, 0.0)))
    assert min(scorer.scores(QUESTION, CANDIDATES, is_foreign=False)) > 5
    assert praise.read == len(CANDIDATES)
    foreign = learned().scores(QUESTION, CANDIDATES, is_foreign=True)
    assert scorer.scores(QUESTION, CANDIDATES, is_foreign=True) == foreign
    assert max(scorer.scores("How tall is tower 99999?", CANDIDATES, is_foreign=False)) < 0
    assert praise.read == len(CANDIDATES)


def test_the_first_stage_alone_is_what_is_served_without_a_second() -> None:
    first_S, in_vain = learned().first_stage(QUESTION, CANDIDATES)
    assert not in_vain
    np.testing.assert_allclose(first_S, learned().scores(QUESTION, CANDIDATES, is_foreign=False), rtol=1e-5)
    assert learned().first_stage("How tall is tower 99999?", CANDIDATES)[1]


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "format", "shape", "array"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "relevance.npz"
    if damage != "missing":
        learned().write(file)
    whole = dict(np.load(file)) if damage in ("format", "shape", "array") else {}
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-200])
    elif damage == "text":
        file.write_text("no archive")
    elif damage == "format":
        np.savez(file, **{**whole, "format": np.frombuffer(b"spandraft-relevance-9", np.uint8)})
    elif damage == "shape":
        np.savez(file, **{**whole, "first_FH": whole["first_FH"][:-1]})
    elif damage == "array":
        whole.pop("direct_F")
        np.savez(file, **whole)
    with pytest.raises(DamagedRelevance, match=r"relevance\.npz") as caught:
        LearnedRelevance.read(file)
    assert caught.value.hint
    assert "\n" not in caught.value.cause
    assert "Error" not in caught.value.cause and "pickle" not in caught.value.cause


def test_no_flipped_byte_is_a_bug_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "relevance.npz"
    learned().write(file)
    whole = file.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 100)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with contextlib.suppress(DamagedRelevance):
            LearnedRelevance.read(file)


@pytest.mark.parametrize(
    "question", ["塔有多高，是谁建造的？", "高?", "Wie hoch ist der Turm und wer hat das gebaut?", "?!"]
)
def test_questions_it_never_learned_are_judged_by_words(question: str) -> None:
    assert learned().scores(question, CANDIDATES) == LexicalRelevance().scores(question, CANDIDATES)
    assert learned().scores(question, []) == []


def test_what_the_words_say_is_seen() -> None:
    row_SF = features(QUESTION, CANDIDATES, RARITY)
    assert row_SF.shape[0] == len(CANDIDATES)
    assert row_SF.dtype == np.float32
    assert not np.array_equal(row_SF[0], row_SF[1])
    other_SF = features("Who found flowers?", CANDIDATES, RARITY)
    assert not np.array_equal(row_SF[2], other_SF[2])
    moved_SF = features(QUESTION, [CANDIDATES[2], *CANDIDATES[:2]], RARITY)
    np.testing.assert_allclose(moved_SF[[1, 2, 0]], row_SF, atol=1e-6, err_msg="the order of passages says nothing")


def test_words_lose_case_and_common_endings() -> None:
    assert stems("Towers, towering; 1,330.5 m in 1990.") == ["tower", "tower", "1,330.5", "m", "in", "1990"]


@given(
    st.text(max_size=40),
    st.lists(st.tuples(st.text(max_size=60), st.integers(0, 3), st.floats(-1, 1)), min_size=1, max_size=6),
)
def test_any_text_has_finite_features_and_scores(question: str, rows: list[tuple[str, int, float]]) -> None:
    candidates = [Candidate(*row) for row in sorted(rows, key=lambda row: row[1])]
    assert np.isfinite(features(question, candidates, RARITY)).all()
    assert np.isfinite(learned().scores(question, candidates)).all()


def test_evidence_is_ranked_by_it_and_keeps_its_cosine(encoder: SentenceTransformerEncoder) -> None:
    document = Document.of("d", "".join(one.text + " " for one in CANDIDATES))
    hits = [Hit(Passage.of(document, 0, len(document.text)), 1.0)]
    by_cosine = select_evidence(QUESTION, hits, encoder=encoder)
    assert [one.relevance for one in by_cosine] == [log_odds(one.similarity) for one in by_cosine]
    found = select_evidence(QUESTION, hits, encoder=encoder, relevance=learned(seed=3))
    assert [one.relevance for one in found] == sorted((one.relevance for one in found), reverse=True)
    assert {(one.start, one.similarity) for one in found} == {(one.start, one.similarity) for one in by_cosine}
    assert found == select_evidence(QUESTION, hits, encoder=encoder, relevance=learned(seed=3))
    assert found[:1] == select_evidence(QUESTION, hits, encoder=encoder, relevance=learned(seed=3), limit=1)


def test_equals_keep_the_order_of_hits() -> None:
    class Same:
        def scores(
            self,
            question: str,
            candidates: Sequence[Candidate],
            *,
            is_foreign: bool | None = None,
            passages: Sequence[str] = (),
        ) -> list[float]:
            return [1.0] * len(candidates)

        def missing(self, question: str, texts: Sequence[str], *, is_foreign: bool | None = None) -> tuple[str, ...]:
            return ()

    texts = ("Zebras run over the plain.", "Ants dig under the house. They never rest at all.")
    documents = [Document.of(text[:3], text) for text in texts]
    hits = [Hit(Passage.of(one, 0, len(one.text)), 1.0) for one in documents]
    found = select_evidence("Who runs?", hits, encoder=LetterEncoder(), relevance=Same())
    assert [(one.hit, one.start) for one in found] == [(0, 0), (1, 0), (1, 26)]
