"""Calibration: cells move towards what was accepted, and come back from JSON as they were."""

from __future__ import annotations

import json

import pytest

from decoding.drafting.calibration import Calibration, TaskCalibration


def taught(accepted: int, of: int, estimate: float) -> TaskCalibration:
    cells = TaskCalibration()
    for at in range(of):
        cells.learn("spans", 2, 1, estimate=estimate, accepted=at * accepted // of != (at + 1) * accepted // of)
    return cells


@pytest.mark.parametrize(("accepted", "estimate"), [(10, 0.5), (90, 0.5), (50, 0.9), (20, 0.2)])
def test_a_cell_moves_towards_what_was_accepted(accepted: int, estimate: float) -> None:
    before, after = abs(estimate - accepted / 100), taught(accepted, 100, estimate).probability("spans", 2, 1, estimate)
    assert abs(after - accepted / 100) <= before / 3 + 0.01


def test_a_cell_that_has_seen_little_keeps_to_the_estimate() -> None:
    assert 0.4 < taught(0, 1, 0.5).probability("spans", 2, 1, 0.5) < 0.5


def test_cells_know_nothing_of_each_other() -> None:
    cells = taught(0, 50, 0.5)
    assert cells.probability("spans", 3, 1, 0.5) == 0.5
    assert cells.probability("spans", 2, 2, 0.5) == 0.5
    assert cells.probability("cursor", 2, 1, 0.5) == 0.5


def test_better_estimates_stay_better() -> None:
    cells = taught(30, 100, 0.5)
    chances = cells.probability("spans", 2, 1, 0.2), cells.probability("spans", 2, 1, 0.6)
    assert 0 < chances[0] < chances[1] < 1


def test_old_acceptance_fades() -> None:
    cells = taught(0, 4000, 0.5)
    for _ in range(1500):
        cells.learn("spans", 2, 1, estimate=0.5, accepted=True)
    assert cells.probability("spans", 2, 1, 0.5) > 0.6


def test_frozen_learns_nothing() -> None:
    calibration = Calibration(frozen=True)
    calibration.of("answer").learn("spans", 1, 1, estimate=0.5, accepted=True)
    calibration.of("answer").learn_gain("draft-model", 2.0, 1.0)
    assert calibration.of("answer").probability("spans", 1, 1, 0.5) == 0.5
    assert calibration.of("answer").gain("draft-model", 2.0) is None


def test_it_comes_back_from_json() -> None:
    calibration = Calibration()
    for at in range(60):
        calibration.of("answer").learn("spans", 1, 1 + at % 5, estimate=0.3, accepted=at % 2 == 0)
    calibration.of("answer").learn_gain("draft-model", 2.0, 0.5)
    again = Calibration.from_state(json.loads(json.dumps(calibration.state())))
    assert again.of("answer").probability("spans", 1, 2, 0.3) == pytest.approx(
        calibration.of("answer").probability("spans", 1, 2, 0.3), abs=1e-3
    )
    assert again.of("answer").gain("draft-model", 2.0) == pytest.approx(0.5)
    assert again.state() == calibration.state()


def test_where_more_is_drafted_a_costly_source_is_not_hoped_to_bring_more() -> None:
    cells = Calibration().of("answer")
    cells.learn_gain("draft-model", 4.0, 0.2)
    assert cells.gain("draft-model", 30.0) == cells.gain("draft-model", 4.0) == 0.2
    assert cells.gain("draft-model", 1.0) is None, "where little is drafted only trying tells"
    assert cells.gain("heads", 30.0) is None
    cells.learn_gain("draft-model", 1.0, 2.0)
    assert cells.gain("draft-model", 2.0) == 2.0
    assert cells.gain("draft-model", 30.0) == 0.2


def test_what_a_source_does_not_expect_is_no_measure_of_what_it_does() -> None:
    """Branches of a tree stand beside its main chain: pooled, a chain that always holds would look like their mean."""
    cells = TaskCalibration()
    for _ in range(200):
        cells.learn("edits", 5, 20, estimate=0.95, accepted=True)
        for _ in range(3):
            cells.learn("edits", 5, 20, estimate=0.05, accepted=False)
    assert cells.probability("edits", 5, 20, 0.95) > 0.99
    assert cells.probability("edits", 5, 20, 0.05) < 0.02


def test_cells_of_the_first_version_are_left_out() -> None:
    rows = [["spans", 1, 1, 2, 1, 1], ["spans", 1, 1, 1, 30, 15, 30]]
    read = Calibration.from_state({"answer": {"cells": rows, "gains": []}}).of("answer")
    assert list(read.cells) == [("spans", 1, 1, 1)] and read.probability("spans", 1, 1, 0.5) > 0.5


@pytest.mark.parametrize("row", [["spans", 1, 1, 1, 2, 3, 1], ["spans", 1, 1, 2, 1], ["spans", "x", 1, 1, 2, 1, 1]])
def test_a_broken_state_is_refused(row: list[object]) -> None:
    with pytest.raises(ValueError):
        Calibration.from_state({"answer": {"cells": [row], "gains": []}})


@pytest.mark.parametrize("estimate", [0.0, 1.0])
@pytest.mark.parametrize("accepted", [0, 100])
def test_a_source_may_be_as_sure_as_it_likes(estimate: float, accepted: int) -> None:
    cells = taught(accepted, 100, estimate)
    assert 0 < cells.probability("spans", 2, 1, estimate) < 1
    assert 0 < cells.probability("spans", 2, 1, 0.5) < 1
