"""The bench `indexing`: rows for every method over the same passages, with recall beside float32."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from app.bench import indexing
from app.config.settings import Settings
from app.errors import InputError


def _args(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    indexing.add_arguments(parser)
    return parser.parse_args(words)


def test_each_method_is_measured_beside_float32(tmp_path: Path) -> None:
    report = indexing.run(_args("--passages", "12", "--rounds", "1"), Settings(home=tmp_path, encoder_dtype="float32"))
    eight, exact = report.rows
    assert (eight["method"], exact["method"]) == ("float32-8", "float32")
    assert eight["times_as_fast"] == 1.0 and exact["cosine"] == pytest.approx(1.0, abs=1e-5)
    assert exact["same_5"] == 1.0
    assert exact["passages_per_s"] == pytest.approx(12 / exact["seconds"], rel=0.05)  # type: ignore[operator]


@pytest.mark.parametrize("option", ["--rounds", "--passages"])
@pytest.mark.parametrize("number", ["0", "-1"])
def test_nothing_to_do_is_an_error(option: str, number: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1"):
        indexing.run(_args(option, number), Settings(home=tmp_path))
