"""Modules with one line changed: a test that a mutant passes tests nothing."""

from __future__ import annotations

import inspect
import sys
from types import ModuleType

import pytest


def mutant(module: ModuleType, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``module`` made anew from its source with ``old``, which must stand in it once, replaced by ``new``."""
    source = inspect.getsource(module)
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
    made = ModuleType(f"{module.__name__}_mutant")
    made.__file__ = module.__file__
    monkeypatch.setitem(sys.modules, made.__name__, made)  # Where dataclasses look up their annotations.
    exec(compile(source.replace(old, new), str(module.__file__), "exec"), made.__dict__)
    return made
