"""The README's code: every block parses, and every block not marked ``no-run`` runs as it stands, in one folder."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_README = Path(__file__).parent.parent / "README.md"
_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LANGUAGES = ("python", "bash")
_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of the README; ``line`` is where its fence stands."""

    line: int
    language: str
    run: bool
    code: str


def blocks() -> Iterator[Block]:
    """All fenced blocks in order."""
    text = _README.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        language, *flags = found["info"].split() or [""]
        assert set(flags) <= {"no-run"}, f"unknown mark {flags} of a block"
        yield Block(text.count("\n", 0, found.start()) + 1, language, "no-run" not in flags, found["code"])


def test_every_fence_is_found() -> None:
    fences = _README.read_text(encoding="utf-8").count("```")
    assert fences == 2 * len(list(blocks())) > 0
    assert any(block.run for block in blocks())


@pytest.mark.parametrize("block", list(blocks()), ids=lambda block: f"line-{block.line}")
def test_block_parses(block: Block) -> None:
    assert block.language in _LANGUAGES, f"README.md:{block.line}: name the language of the block"
    if block.language == "python":
        ast.parse(block.code)
    else:
        subprocess.run(["bash", "-n"], input=block.code, text=True, check=True, timeout=_LIMIT_S)


@pytest.mark.slow
def test_blocks_run_as_written(tmp_path: Path) -> None:
    """As a reader would after ``make install``: in an empty folder, the sample built, the command on the PATH."""
    environ = os.environ | {
        "SPANDRAFT_HOME": str(tmp_path / "home"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    environ.pop("OMP_NUM_THREADS", None)
    folder = tmp_path / "folder"
    folder.mkdir()
    run(Block(0, "bash", run=True, code="spandraft corpus sample"), folder, environ)
    for block in blocks():
        if block.run:
            run(block, folder, environ)


def run(block: Block, folder: Path, environ: dict[str, str]) -> None:
    """Run one block; a command that fails fails it, as it would stop a reader."""
    command = ["bash", "-euo", "pipefail"] if block.language == "bash" else [sys.executable, "-"]
    done = subprocess.run(
        command,
        input=block.code,
        cwd=folder,
        env=environ,
        text=True,
        capture_output=True,
        timeout=_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"README.md:{block.line}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
