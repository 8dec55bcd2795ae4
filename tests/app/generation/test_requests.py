"""A target refuses where the evidence is too unlikely to answer, and only there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import ModelError
from app.generation.logit_biases import LogitBiases
from retrieval.interfaces import log_odds


def test_evidence_below_the_least_odds_is_refused_by_more_than_any_target_prefers() -> None:
    tuning = LogitBiases(least_odds=-0.5)
    assert tuning.refuses(None)
    assert tuning.refuses(-0.6)
    assert not tuning.refuses(-0.5)
    assert tuning.refusal_bonus(-0.6) == -tuning.refusal_bonus(-0.5) >= 100


def test_the_biases_are_read_from_the_folder_of_the_target(tmp_path: Path) -> None:
    assert LogitBiases.read(tmp_path) == LogitBiases()
    (tmp_path / "spandraft.json").write_text(json.dumps({"copy_bias": 2, "least_odds": 3.5}), encoding="utf-8")
    assert LogitBiases.read(tmp_path) == LogitBiases(copy_bias=2.0, least_odds=3.5)


def test_older_files_mean_what_they_meant_but_for_the_refusal(tmp_path: Path) -> None:
    stored = {"format": "spandraft-bundled-1", "refusal_bias": 0.5, "refusal_slope": 8.0, "evidence_slope": 40.0}
    (tmp_path / "spandraft.json").write_text(json.dumps(stored), encoding="utf-8")
    tuning = LogitBiases.read(tmp_path)
    assert tuning.evidence_slope * (log_odds(0.6) - log_odds(0.5)) == pytest.approx(40.0 * 0.1)
    assert tuning.least_odds == 0.0
    assert LogitBiases.of(json.loads(json.dumps(tuning.stored()))) == tuning


@pytest.mark.parametrize("content", ["", "[]", '{"copy_bias": "much"}'])
def test_a_broken_file_is_an_error_with_a_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / "spandraft.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        LogitBiases.read(tmp_path)
    assert caught.value.hint
