"""Mutants of the decoder: one function with one line changed, put in place of the real one for the time of a test."""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import pytest


def mutate(function: Callable[..., Any], old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace ``old``, which must stand in ``function`` once, by ``new``.

    Its code is exchanged in place, so that every module that has imported it runs the mutant.
    """
    real: Any = inspect.unwrap(function)
    source = textwrap.dedent(inspect.getsource(real))
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {real.__qualname__}"
    flags = __future__.annotations.compiler_flag
    module = compile(source.replace(old, new), real.__code__.co_filename, "exec", flags=flags, dont_inherit=True)
    code = next(one for one in _codes(module) if one.co_name == real.__name__)
    assert code.co_freevars == real.__code__.co_freevars
    monkeypatch.setattr(real, "__code__", code)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)
