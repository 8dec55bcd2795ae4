"""How ready the bundled target is to refuse: more so, the less likely the evidence answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import ModelError
from app.generation.logit_biases import LogitBiases
from retrieval.interfaces import log_odds


def test_the_refusal_grows_as_the_evidence_gets_worse() -> None:
    tuning = LogitBiases(refusal_bias=1.0, refusal_slope=4.0)
    assert tuning.refusal_bonus(0.0) == 1.0
    assert tuning.refusal_bonus(-0.25) == 2.0
    assert tuning.refusal_bonus(None) == 41.0
    assert tuning.refusal_bonus(3.0) < 0


def test_the_biases_are_read_from_the_folder_of_the_target(tmp_path: Path) -> None:
    assert LogitBiases.read(tmp_path) == LogitBiases()
    (tmp_path / "spandraft.json").write_text(json.dumps({"copy_bias": 2, "refusal_slope": 3.5}), encoding="utf-8")
    assert LogitBiases.read(tmp_path) == LogitBiases(copy_bias=2.0, refusal_slope=3.5)


def test_slopes_that_an_older_file_counts_by_the_cosine_mean_what_they_meant(tmp_path: Path) -> None:
    stored = {"format": "spandraft-bundled-1", "refusal_bias": 0.5, "refusal_slope": 8.0, "evidence_slope": 40.0}
    (tmp_path / "spandraft.json").write_text(json.dumps(stored), encoding="utf-8")
    tuning = LogitBiases.read(tmp_path)
    assert tuning.evidence_slope * (log_odds(0.6) - log_odds(0.5)) == pytest.approx(40.0 * 0.1)
    assert tuning.refusal_bonus(log_odds(0.3)) == pytest.approx(0.5 + 8.0 * (0.5 - 0.3))
    assert LogitBiases.of(json.loads(json.dumps(tuning.stored()))) == tuning


@pytest.mark.parametrize("content", ["", "[]", '{"copy_bias": "much"}'])
def test_a_broken_file_is_an_error_with_a_remedy(tmp_path: Path, content: str) -> None:
    (tmp_path / "spandraft.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        LogitBiases.read(tmp_path)
    assert caught.value.hint
