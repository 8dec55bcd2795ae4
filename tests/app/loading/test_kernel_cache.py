"""Machine code of other sources is never taken up, and does not pile up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.loading import kernel_cache
from decoding.sources.blend.compiled import PLAIN


def test_each_version_of_the_sources_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    stale = tmp_path / "compiled" / "0123456789abcdef"
    stale.mkdir(parents=True)
    kernel_cache.keep_compiled(tmp_path)
    chosen = Path(os.environ["NUMBA_CACHE_DIR"])
    assert chosen.parent == tmp_path / "compiled"
    assert not stale.exists()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(kernel_cache, "_version", lambda: "another")
    kernel_cache.keep_compiled(tmp_path)
    assert Path(os.environ["NUMBA_CACHE_DIR"]) != chosen


def test_the_users_own_choice_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    kernel_cache.keep_compiled(tmp_path)
    assert os.environ["NUMBA_CACHE_DIR"] == "elsewhere"


def test_what_is_compiled_is_known(tmp_path: Path) -> None:
    """In processes of their own, as a command is: numba looks for its folder when it is imported."""
    draft = (
        "from decoding.interfaces import Reference, Request\n"
        "from decoding.sources.base import DraftContext\n"
        "from decoding.sources.table import make_sources\n"
        "from decoding.tree import TokenTree\n"
        "from app.loading import kernel_cache\n"
        "print(kernel_cache.is_compiled())\n"
        "(source,) = make_sources(['blend'])\n"
        "source.start(Request((1, 2, 3, 1, 2), 9, references=(Reference((1, 2, 3)),)))\n"
        "for output in (), (3, 1):\n"
        "    source.propose(DraftContext(output, TokenTree.of(3), 4))\n"
        "source.finish()\n"
        "print(kernel_cache.is_compiled())\n"
    )
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), PLAIN: ""}

    def told(**more: str) -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", draft], env={**env, **more}, capture_output=True, text=True, check=True
        )
        return run.stdout.split()

    assert told() == ["False", "True"]
    assert told()[0] == "True", "a second use must not be told that it waits for the compiler"
    assert told(**{PLAIN: "1", "NUMBA_CACHE_DIR": str(tmp_path / "none")}) == ["True", "True"], "nothing is compiled"
