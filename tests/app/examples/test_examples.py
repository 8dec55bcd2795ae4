"""Each example runs as a process, as its docstring says, and prints what it promises."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.library.corpus import Corpus

_ROOT = Path(__file__).parents[3]
_EXAMPLES = _ROOT / "app" / "examples"
_NAMES = ("answer", "correct", "own_corpus", "own_search", "own_source", "stream_and_cancel")
_QUESTION = "What is the budget for new trees?"
_MINUTES = "The garden committee met on Monday. The budget for new trees is 400 euros."

Run = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two documents."""
    folder = tmp_path_factory.mktemp("minutes")
    (folder / "monday.txt").write_text(_MINUTES, encoding="utf-8")
    (folder / "choir.txt").write_text("The choir sings on Friday. Its room is cold.", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Run:
    """Runs an example in a home with the corpus ``garden``; what it prints."""
    home = tmp_path_factory.mktemp("examples")
    garden = Corpus.create("garden", settings=Settings.load({"home": str(home)}, environ={}))
    garden.add(folder)
    garden.close()

    def run_example(name: str, *args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", f"app.examples.{name}", *args],
            cwd=_ROOT, env=os.environ | {"SPANDRAFT_HOME": str(home)}, text=True, capture_output=True, timeout=300,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    return run_example


def test_the_folder_holds_these_and_each_is_a_page() -> None:
    files = sorted(path for path in _EXAMPLES.glob("*.py") if path.name != "__init__.py")
    assert tuple(path.stem for path in files) == _NAMES
    for path in files:
        text = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(text))
        assert docstring is not None
        assert f"python -m app.examples.{path.stem}" in docstring
        assert len(text[text.index("import") :].splitlines()) <= 60


def test_own_search(run: Run) -> None:
    answer, *citations, last = run("own_search", _QUESTION).splitlines()
    assert "The budget for new trees is 400 euros." in answer
    start = _MINUTES.index("The budget")
    assert f"  monday.txt, characters {start} to {len(_MINUTES)}" in citations
    assert last == "2 passages for the next question"


def test_answer(run: Run) -> None:
    answer, citation, count = run("answer", _QUESTION, "garden").splitlines()
    assert answer == "[1] The budget for new trees is 400 euros."
    match = re.fullmatch(r"  (\S+), characters (\d+) to (\d+): '(.*)'", citation)
    assert match is not None
    assert match[1].endswith("monday.txt")
    assert _MINUTES[int(match[2]) : int(match[3])] == match[4]
    assert re.fullmatch(r"\d+ tokens? in \d+ forwards? of the target", count)


def test_stream_and_cancel(run: Run) -> None:
    first, text, ended = run("stream_and_cancel", "20", _QUESTION, "garden").splitlines()
    assert first == "2 passages"
    assert "[1] The budget for new trees is 400 euros.".startswith(text)
    assert 20 <= len(text) < 40
    assert ended.startswith("ended: cancelled, ")


def test_correct(run: Run) -> None:
    assert run("correct", "i think that they are right.").splitlines() == [
        "I think that they are right.",
        "  0 to 1: 'i' becomes 'I'",
    ]


def test_own_corpus(run: Run, folder: Path) -> None:
    lines = run("own_corpus", str(folder), _QUESTION).splitlines()
    assert lines[:2] == ["choir.txt: added, 1 passage", "monday.txt: added, 1 passage"]
    assert lines[2].endswith(f"monday.txt: {_MINUTES!r}")
    assert re.fullmatch(r"\S+choir.txt is gone: 1 passage, \d+ terms?", lines[4])
    assert lines[5:] == ["example is gone: 1 document"]


def test_own_source_saves_forwards_and_changes_nothing(run: Run) -> None:
    lines = run("own_source").splitlines()
    (plain, output), (drafted, same) = (re.split(" forwards?: ", line) for line in lines)
    assert output == same
    assert "The meeting starts at nine in the morning." in output
    assert int(drafted) < int(plain) / 2


@pytest.mark.parametrize("name", ["answer", "correct", "own_corpus", "stream_and_cancel"])
def test_without_arguments_an_example_says_how_it_is_called(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"app.examples.{name}"],
        cwd=_ROOT,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"python -m app.examples.{name} " in done.stderr
    assert "Traceback" not in done.stderr
