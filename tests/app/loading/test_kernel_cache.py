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


def test_the_compiler_waits_until_its_folder_is_chosen() -> None:
    """numba reads NUMBA_CACHE_DIR when it is imported, and settings name the folder only after these modules are."""
    modules = "app.pipeline, app.bench.replay.bench, app.bench.speed.bench, app.doctor.drafting"
    code = f"import sys, {modules}; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_question_keeps_its_machine_code_in_the_home_folder_and_that_is_known(tmp_path: Path) -> None:
    """Two questions as the command asks them: the first one compiles and says so, the second finds it all there.

    In processes of their own, as a command is: numba looks for its folder when it is imported.
    """
    env = {key: value for key, value in os.environ.items() if key not in ("NUMBA_CACHE_DIR", PLAIN)}
    env["SPANDRAFT_HOME"] = str(tmp_path)

    def printed(code: str, *argv: str, text: str = "", **more: str) -> tuple[str, str]:
        command = [sys.executable, "-c", code, *argv]
        done = subprocess.run(command, input=text, env=env | more, capture_output=True, text=True, check=True)
        return done.stdout.strip(), done.stderr

    def is_compiled(**more: str) -> str:
        code = (
            "import os; from pathlib import Path; from app.loading import environment\n"
            "environment.keep_compiled(Path(os.environ['SPANDRAFT_HOME']))\n"
            "print(environment.is_compiled())"
        )
        return printed(code, **more)[0]

    def notes() -> str:
        code = "import sys; from app.cli import main; sys.exit(main())"
        return printed(code, "fix", "-", text="She go to the market. He buyed three apple.\n")[1]

    assert is_compiled() == "False"
    assert is_compiled(**{PLAIN: "1"}) == "True", "nothing is compiled"
    assert "Compiling" in notes()
    assert list((tmp_path / "compiled").rglob("*.nbi"))
    assert is_compiled() == "True", "a second use must not be told that it waits for the compiler"
    assert "Compiling" not in notes()
