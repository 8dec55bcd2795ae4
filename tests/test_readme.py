"""The pages that explain the project: their code runs as it stands, and every file they name is there.

Of the pages that show code every block parses, and every block not marked ``no-run`` runs, in order, in one folder.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_WITH_CODE = ("README.md", "app/bench/README.md")
_CARDS = sorted(str(path.relative_to(_ROOT)) for path in (_ROOT / "app").glob("*/**/README.md"))
_PAGES = sorted(
    {*_WITH_CODE, *_CARDS, "CONTRIBUTING.md", "app/ARCHITECTURE.md", "app/DECISIONS.md", "tests/gpu/README.md"}
)
_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_LANGUAGES = ("python", "bash")
_LIMIT_S = 600

_PATH = re.compile(r"(?<![\w/.$])(?:app|decoding|corpora|retrieval|tests)/[\w./*-]*[\w*/]")
_MODULE = re.compile(r"python -m ((?:app|tests)(?:\.\w+)+)")
_LINK = re.compile(r"\]\((?!https?:)([^)]*)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page; ``line`` is where its fence stands."""

    page: str
    line: int
    language: str
    run: bool
    code: str

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    """A page."""
    return (_ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> Iterator[Block]:
    """All fenced blocks of a page in order."""
    text = text_of(page)
    for match in _BLOCK.finditer(text):
        language, *flags = match["info"].split() or [""]
        assert set(flags) <= {"no-run"}, f"unknown mark {flags} of a block"
        yield Block(page, text.count("\n", 0, match.start()) + 1, language, "no-run" not in flags, match["code"])


def all_blocks() -> list[Block]:
    """All fenced blocks of the pages that show code."""
    return [block for page in _WITH_CODE for block in blocks(page)]


@pytest.mark.parametrize("page", _WITH_CODE)
def test_every_fence_is_found(page: str) -> None:
    assert text_of(page).count("```") == 2 * len(list(blocks(page))) > 0
    assert any(block.run for block in blocks(page))


@pytest.mark.parametrize("block", all_blocks(), ids=lambda block: block.place)
def test_block_parses(block: Block) -> None:
    assert block.language in _LANGUAGES, f"{block.place}: name the language of the block"
    if block.language == "python":
        ast.parse(block.code)
    else:
        subprocess.run(["bash", "-n"], input=block.code, text=True, check=True, timeout=_LIMIT_S)


@pytest.mark.parametrize("page", _PAGES)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    """Paths from the top of the repository, modules behind ``python -m``, links from the page's own folder."""
    text = text_of(page)
    paths = set(_PATH.findall(text))
    assert {path for path in paths if not list(_ROOT.glob(path.rstrip("/")))} == set()
    assert {path for path in paths if path.endswith("/") and not (_ROOT / path).is_dir()} == set()
    modules = {name.replace(".", "/") for name in _MODULE.findall(text)}
    assert {name for name in modules if not ((_ROOT / f"{name}.py").exists() or (_ROOT / name).is_dir())} == set()
    folder = (_ROOT / page).parent
    links = {link for link in _LINK.findall(text) if not link.startswith("#")}
    assert {link for link in links if not (folder / link.partition("#")[0]).exists()} == set()
    headings = {_anchor(heading) for heading in _HEADING.findall(text)}
    assert {link[1:] for link in _LINK.findall(text) if link.startswith("#")} <= headings


def test_the_architecture_is_four_short_walks_and_a_whole_map() -> None:
    text = text_of("app/ARCHITECTURE.md")
    walks, _, folder_map = text.partition("\n## The map\n")
    sections = walks.split("\n## ")[1:]
    assert [section.partition("\n")[0] for section in sections] == [
        "One question", "One step of the decoder", "One correction", "One upload",
    ]  # fmt: skip
    for section in sections:
        assert 0 < len([line for line in section.splitlines()[1:] if line]) <= 15
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    arrows = {
        contract["containers"][0]: " > ".join(layer.replace(" | ", ", ") for layer in contract["layers"])
        for contract in contracts
        if "containers" in contract
    }
    assert [f"- {floor}: {arrows[floor]}" in folder_map.splitlines() for floor in ("app", "decoding", "corpora")] == [
        True
    ] * 3
    folders = {f"{path.parent.relative_to(_ROOT)}/" for path in _ROOT.glob("[acd]*/*/__init__.py")}
    assert len(folders) > 20
    assert {folder for folder in folders if f"`{folder}`" not in folder_map} == set()


def _anchor(heading: str) -> str:
    """The name that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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
    run(Block("before", 0, "bash", run=True, code="spandraft corpus sample"), folder, environ)
    for block in all_blocks():
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
    assert done.returncode == 0, f"{block.place}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
