"""What the drafter learns outlives the process, and a broken file stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.generation.drafter_state import DrafterState
from decoding.sources.blend.blend_state import BlendState
from decoding.sources.blend.weights import first_weights


def test_what_was_learned_is_there_after_a_restart(tmp_path: Path) -> None:
    blend = BlendState()
    blend.weights("answer").weights_F[0] += 1
    first = DrafterState(tmp_path, "org/some model", blend)
    cells = first.calibration.of("answer")
    before = cells.probability("spans", 3, 1, 0.5)
    for _ in range(100):
        cells.learn("spans", 3, 1, estimate=0.5, accepted=True)
    first.save()
    again = (
        DrafterState(tmp_path, "org/some model", BlendState()).calibration.of("answer").probability("spans", 3, 1, 0.5)
    )
    assert again > before
    assert again == pytest.approx(cells.probability("spans", 3, 1, 0.5), abs=1e-3)
    assert (
        DrafterState(tmp_path, "org/some-model", BlendState()).calibration.of("answer").probability("spans", 3, 1, 0.5)
        == before
    )
    assert not [*tmp_path.rglob(".new-*")]
    restored = BlendState()
    DrafterState(tmp_path, "org/some model", restored)
    assert restored.weights("answer").weights_F[0] == pytest.approx(first_weights().weights_F[0] + 1, abs=1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"calibration": {}, "blend": {"answer": [[1], [1]]}}',
        "{",
        "[]",
        '{"answer": 3}',
        '{"answer": {"cells": [[1]], "gains": []}}',
    ],
)
def test_a_broken_file_is_said_and_not_used(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    DrafterState(tmp_path, "x", BlendState()).save()
    (file,) = (tmp_path / "learned").iterdir()
    file.write_text(text, encoding="utf-8")
    assert DrafterState(tmp_path, "x", BlendState()).calibration.state() == {}
    assert file.name in caplog.text


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "learned").write_text("a file where the folder should be", encoding="utf-8")
    DrafterState(tmp_path, "x", BlendState()).save()
    assert "not saved" in caplog.text
