"""Machine code of other sources is never taken up, and does not pile up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.loading import environment
from decoding.sources.blend.compiled import PLAIN


def test_each_version_of_the_sources_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    stale = tmp_path / "compiled" / "0123456789abcdef"
    stale.mkdir(parents=True)
    environment.keep_compiled(tmp_path)
    chosen = Path(os.environ["NUMBA_CACHE_DIR"])
    assert chosen.parent == tmp_path / "compiled"
    assert not stale.exists()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(environment, "_version", lambda: "another")
    environment.keep_compiled(tmp_path)
    assert Path(os.environ["NUMBA_CACHE_DIR"]) != chosen


def test_the_users_own_choice_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    environment.keep_compiled(tmp_path)
    assert os.environ["NUMBA_CACHE_DIR"] == "elsewhere"


def test_what_is_compiled_is_known(tmp_path: Path) -> None:
    """In processes of their own, as a command is: numba looks for its folder when it is imported."""
    draft = (
        "from decoding.interfaces import Reference, Request\n"
        "from decoding.sources.base import DraftContext\n"
        "from decoding.sources.table import make_sources\n"
        "from decoding.tree import TokenTree\n"
        "from app.loading import environment\n"
        "print(environment.is_compiled())\n"
        "(source,) = make_sources(['blend'])\n"
        "source.start(Request((1, 2, 3, 1, 2), 9, references=(Reference((1, 2, 3)),)))\n"
        "for output in (), (3, 1):\n"
        "    source.propose(DraftContext(output, TokenTree.of(3), 4))\n"
        "source.finish()\n"
        "print(environment.is_compiled())\n"
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


def test_the_compiler_waits_until_its_folder_is_chosen() -> None:
    """numba reads NUMBA_CACHE_DIR when it is imported, and settings name the folder only after these modules are."""
    modules = "app.pipeline, app.bench.replay.bench, app.bench.speed.bench, app.doctor.drafting"
    code = f"import sys, {modules}; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_question_keeps_its_machine_code_in_the_home_folder(tmp_path: Path) -> None:
    """Two questions as the command asks them: the first one compiles and says so, the second finds it all there."""
    env = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    env["SPANDRAFT_HOME"] = str(tmp_path)
    command = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main())", "fix", "-"]
    text = "She go to the market. He buyed three apple.\n"

    def notes() -> str:
        done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, check=True)
        return done.stderr

    assert "Compiling" in notes()
    assert list((tmp_path / "compiled").rglob("*.nbi"))
    assert "Compiling" not in notes()
