"""The script with real weights runs from end to end on a toy that chats; its figures mean nothing there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gpu import real
from tests.support.tiny import save_tiny, small_tokenizer


def test_the_script_with_real_weights_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_tiny(tmp_path / "model", small_tokenizer(), context=4096)
    real.main(["--model", str(folder), "--dtype", "float32", "--few"])
    report = json.loads(capsys.readouterr().out)
    assert report["capability"] == "tree"
    assert [row["method"] for row in report["speed"]] == list(real.METHODS)
    assert all(row["equal"] and row["tokens_per_s"] > 0 for row in report["speed"])
    assert [row["outputs"] for row in report["divergence"]] == [4, 4]
