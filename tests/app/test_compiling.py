"""Machine code of other sources is never taken up, and does not pile up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app import compiling


def test_each_version_of_the_sources_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    stale = tmp_path / "compiled" / "0123456789abcdef"
    stale.mkdir(parents=True)
    compiling.keep_compiled(tmp_path)
    chosen = Path(os.environ["NUMBA_CACHE_DIR"])
    assert chosen.parent == tmp_path / "compiled"
    assert not stale.exists()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(compiling, "_version", lambda: "another")
    compiling.keep_compiled(tmp_path)
    assert Path(os.environ["NUMBA_CACHE_DIR"]) != chosen


def test_the_users_own_choice_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    compiling.keep_compiled(tmp_path)
    assert os.environ["NUMBA_CACHE_DIR"] == "elsewhere"
