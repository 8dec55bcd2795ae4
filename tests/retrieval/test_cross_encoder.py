"""The second stage: the best of the first are judged anew, the rest stays behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.evidence.cross_encoder import Blend, Reranker
from retrieval.evidence.relevance_features import Candidate

CANDIDATES = [Candidate(f"Sentence {number}.", 0, 0.5, f"Lead {number}") for number in range(6)]
FIRST_S = np.array([-1.0, 2.0, 0.5, 1.0, -3.0, 0.0], np.float32)


@dataclass
class TableCrossEncoder:
    """Scores by a table, and knows what it was asked."""

    known: dict[str, float]
    asked: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)

    def scores(self, question: str, units: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        self.asked.append((question, list(units)))
        return np.array([self.known.get(text, 0.0) for _, text in units], np.float32)


def test_the_best_are_read_and_may_change_places() -> None:
    model = TableCrossEncoder({"Sentence 3.": 4.0, "Sentence 1.": -4.0})
    judged_S = Reranker(model, Blend(0.5, 1.0, -0.25), depth=3)("What?", CANDIDATES, FIRST_S)
    assert model.asked == [("What?", [("Lead 1", "Sentence 1."), ("Lead 3", "Sentence 3."), ("Lead 2", "Sentence 2.")])]
    assert judged_S[[1, 3, 2]].tolist() == [-3.25, 4.25, 0.0]
    assert judged_S.argmax() == 3


@pytest.mark.parametrize("known", [{"Sentence 1.": -9.0}, {"Sentence 1.": 9.0}, {}])
def test_what_was_not_read_stays_behind_in_its_order(known: dict[str, float]) -> None:
    judged_S = Reranker(TableCrossEncoder(known), Blend(0.5, 1.0, 0.0), depth=3)("What?", CANDIDATES, FIRST_S)
    assert judged_S[[5, 0, 4]].max() < judged_S[[1, 2, 3]].min()
    assert judged_S[5] > judged_S[0] > judged_S[4]


def test_as_good_as_the_last_that_was_read_is_behind_it() -> None:
    same_S = np.zeros(6, np.float32)
    judged_S = Reranker(TableCrossEncoder({}), Blend(1.0, 1.0, 0.0), depth=3)("What?", CANDIDATES, same_S)
    assert judged_S[3:].max() < judged_S[:3].min()


def test_few_are_all_read_and_scores_are_not_changed_in_place() -> None:
    first_S = FIRST_S[:1].copy()
    judged_S = Reranker(TableCrossEncoder({}), Blend(1.0, 1.0, 0.5))("What?", CANDIDATES[:1], first_S)
    assert judged_S.tolist() == [-0.5]
    assert first_S.tolist() == [-1.0]
