"""Machine code of other sources is never taken up, and does not pile up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app import compiling
from app.settings import Settings
from decoding.sources.compiled import PLAIN
from tests.app.tiny import pipeline_of


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


def test_what_is_compiled_is_known(tiny_bundled: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline_of(tiny_bundled, settings).correct("He go to the school every day.", max_new_tokens=12)
    assert compiling.is_compiled(), "a second use must not be told that it waits for the compiler"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(settings.home / "another"))
    assert not compiling.is_compiled()
    monkeypatch.setenv(PLAIN, "1")
    assert compiling.is_compiled(), "there is nothing to wait for"
