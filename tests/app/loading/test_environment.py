"""Collection of garbage pauses while a command loads, and goes on afterwards whatever the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.loading.environment import wait_passively

_LOADS = """
import gc
from types import SimpleNamespace
from app import pipeline
from app.commands.loading import load_pipeline
from app.commands.terminal import Terminal
from app.config.settings import Settings
from app.loading.environment import pause_collection

pause_collection()
paused = gc.isenabled()
loaded = SimpleNamespace(target_note="")
pipeline.Pipeline.from_pretrained = classmethod(lambda cls, **options: loaded)
load_pipeline(Settings(target="tiny", speculate=False), Terminal.of(json=False), corpus=None)
print(paused, gc.isenabled(), gc.get_freeze_count() > 1000)
"""
_LIGHT = """
import gc, sys
from app.cli import main

sys.argv = ["spandraft", "config", "show", "--json"]
main()
print(gc.isenabled())
"""


def _last_line(code: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "SPANDRAFT_HOME": str(home)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("chosen", [{}, {"OMP_WAIT_POLICY": "PASSIVE"}, {"GOMP_SPINCOUNT": "7"}])
def test_threads_spin_for_a_moment_unless_the_user_has_chosen(
    chosen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(chosen))
    wait_passively()
    wait_passively()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    spins = None if "OMP_WAIT_POLICY" in chosen else chosen.get("GOMP_SPINCOUNT", "10000")
    assert os.environ.get("GOMP_SPINCOUNT") == spins


def test_collection_goes_on_when_the_pipeline_is_loaded(tmp_path: Path) -> None:
    """What was loaded is never looked at again: ``serve`` runs on from here."""
    assert _last_line(_LOADS, tmp_path) == "False True True"


def test_a_command_that_loads_no_pipeline_collects_from_its_start(tmp_path: Path) -> None:
    assert _last_line(_LIGHT, tmp_path) == "True"
