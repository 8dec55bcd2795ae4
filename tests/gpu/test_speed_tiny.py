"""The speed script runs from end to end on a toy; its figures mean nothing there."""

from __future__ import annotations

import json

import pytest

from tests.gpu import speed


def test_the_speed_script_runs(capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--tiny"])
    report = json.loads(capsys.readouterr().out)
    assert set(report["figures"]) == set(speed.GOALS)
    assert all(one["value"] > 0 for one in report["figures"].values())
    assert report["one_session"]["mean_acceptance_length"] > 1.5
    assert report["graphs"].startswith("no: fixed shapes")
