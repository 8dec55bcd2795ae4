"""The rules of the house that no linter counts: sizes, docstrings, and what may not stand in a file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("app", "retrieval", "decoding", "corpora")
_LONGEST_MODULE, _LONGEST_FUNCTION = 500, 60
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")


def modules() -> Iterator[Path]:
    """Every module of the four packages."""
    for package in _PACKAGES:
        yield from sorted((_ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("module", list(modules()), ids=lambda path: str(path.relative_to(_ROOT)))
def test_module_is_of_the_house(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= _LONGEST_MODULE
    assert not tree.body or ast.get_docstring(tree), "a module opens with a docstring"
    assert not _UNFINISHED.search(text), "nothing is left unfinished"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= _LONGEST_FUNCTION, f"{node.name} has {lines} lines"


def test_the_top_level_is_what_the_design_says() -> None:
    expected = {*_PACKAGES, "tests", "pyproject.toml", "README.md", "Makefile", "LICENSE", "NOTICE"}
    expected |= {"CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt"}
    found = {path.name for path in _ROOT.iterdir() if not path.name.startswith(".")}
    assert found - expected <= {"build", "dist"}
    assert expected <= found


def test_tests_are_no_package() -> None:
    """An editable install puts this folder on the path: a package `tests` would be importable everywhere."""
    assert not list((_ROOT / "tests").rglob("__init__.py"))
