"""The rules of the house that no linter holds: maps of folders, imports without circles, what may not stand in a file.

Docstrings of modules, public classes and functions are ruff's (D rules), annotations are mypy's (strict), the arrows
between floors and folders are import-linter's, relative imports are banned by ruff (TID).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.import_graph import PACKAGES, circles, import_graph, module_files

_ROOT = Path(__file__).parent.parent
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
_ROW = re.compile(r" {4}\S")
_COLUMNS = re.compile(r" {2,}")
_ENTRY = re.compile(r"[a-z_0-9]+/?(?:, [a-z_0-9]+/?)*")
_FILES = module_files(_ROOT)
_FOLDERS = sorted(name for name, path in _FILES.items() if path.name == "__init__.py")
_GRAPH = import_graph(_ROOT)


@pytest.mark.parametrize("module", sorted(_FILES))
def test_module_is_of_the_house(module: str) -> None:
    text = _FILES[module].read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module opens with a docstring"
    assert not _UNFINISHED.search(text), "nothing is left unfinished"


@pytest.mark.parametrize("folder", _FOLDERS)
def test_the_map_of_a_folder_is_complete_and_true(folder: str) -> None:
    """The docstring of ``__init__`` has an entry for every module and folder in it, and none for what is not there.

    An entry is the first column of an indented line, or a later column: a name, or several with commas between.
    """
    docstring = ast.get_docstring(ast.parse(_FILES[folder].read_text(encoding="utf-8"))) or ""
    rows = [_COLUMNS.split(line.strip()) for line in docstring.splitlines() if _ROW.match(line)]
    entries = [[column for column in row if _ENTRY.fullmatch(column)] for row in rows]
    named = {name.rstrip("/") for row in entries for column in row for name in column.split(", ")}
    assert {child.rpartition(".")[2] for child in _children(folder)} - named == set()
    first = {name.rstrip("/") for row in rows if _ENTRY.fullmatch(row[0]) for name in row[0].split(", ")}
    there = {path.stem for path in _FILES[folder].parent.iterdir()}
    assert first - there == set()


@pytest.mark.parametrize("folder", _FOLDERS)
def test_what_stands_in_one_folder_imports_in_no_circle(folder: str) -> None:
    """Modules and folders side by side, each folder taken as one; imports inside functions count."""
    prefix = f"{folder}."

    def child_of(module: str) -> str | None:
        return prefix + module[len(prefix) :].partition(".")[0] if module.startswith(prefix) else None

    among: dict[str, set[str]] = {child: set() for child in _children(folder)}
    for module, imported in _GRAPH.items():
        child = child_of(module)
        if child is not None:
            among[child] |= {other for other in map(child_of, imported) if other not in (None, child)}
    assert circles(among) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_takes_a_public_name_of_its_own_package(package: str) -> None:
    """They are loaded late, from modules that the circles above would not see."""
    taken = [
        f"{name}: from {package} import {alias.name}"
        for name, path in _FILES.items()
        if name.startswith(f"{package}.")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == package
        for alias in node.names
        if f"{package}.{alias.name}" not in _FILES
    ]
    assert [found for found in taken if not found.startswith("app.examples.")] == []


def _children(folder: str) -> Iterator[str]:
    return (name for name in _FILES if name.rpartition(".")[0] == folder)


def test_the_top_level_is_what_the_design_says() -> None:
    expected = {*PACKAGES, "tests", "pyproject.toml", "README.md", "Makefile", "LICENSE", "NOTICE"}
    expected |= {"CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt"}
    present = {path.name for path in _ROOT.iterdir() if not path.name.startswith(".")}
    assert present - expected <= {"build", "dist"}
    assert expected <= present


def test_tests_are_no_package() -> None:
    """An editable install puts this folder on the path: a package `tests` would be importable everywhere."""
    assert not list((_ROOT / "tests").rglob("__init__.py"))


_WAITS = re.compile(r"lock\b|\.(turn|reading|writing|snapshot|exclusive|held|acquire)\(|process_lock\(|\.join\(\)")


@pytest.mark.parametrize("module", sorted(_FILES))
def test_no_generator_waits_when_it_is_given_up(module: str) -> None:
    """The garbage collector ends one anywhere, so around a ``yield`` stands no lock, and nothing waits behind it.

    What is made for ``with`` statements is not left suspended, and no object has a ``__del__``.
    """
    tree = ast.parse(_FILES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.name != "__del__", f"{module} has a __del__"
            if not any("contextmanager" in ast.unparse(one) for one in node.decorator_list):
                assert [*filter(_WAITS.search, _around_yields(node))] == [], f"{node.name} of {module}"


def _around_yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """What a generator holds, and what it does when it is given up, as source."""
    for node in _own_nodes(function):
        if isinstance(node, ast.With | ast.AsyncWith) and _yields(node):
            yield from (ast.unparse(item.context_expr) for item in node.items)
        elif isinstance(node, ast.Try) and _yields(node):
            yield from (ast.unparse(statement) for statement in node.finalbody)


def _yields(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in _own_nodes(node))


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a node, but not in functions that are defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _own_nodes(child)


def test_a_generator_that_waits_is_seen() -> None:
    """As the scheduler's was: its end took a turn."""
    source = (
        "def f(self):\n    try:\n        yield 1\n    finally:\n        with self._lock.turn():\n            pass\n"
    )
    held = "def f(self):\n    with store.snapshot():\n        for row in rows:\n            yield row\n"
    for text in (source, held):
        (function,) = ast.parse(text).body
        assert isinstance(function, ast.FunctionDef)
        assert [*filter(_WAITS.search, _around_yields(function))]
