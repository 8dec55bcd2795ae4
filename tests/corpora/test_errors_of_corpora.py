"""The error tree is as drawn, and every message is one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from corpora import errors


def subclasses(cls: type[errors.CorporaError]) -> list[type[errors.CorporaError]]:
    return [one for sub in cls.__subclasses__() for one in (sub, *subclasses(sub))]


def test_the_drawn_tree_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    for cls in subclasses(errors.CorporaError):
        assert f"── {cls.__name__} " in drawn


@given(st.text(), st.text())
def test_cause_and_hint_are_one_printable_line(cause: str, hint: str) -> None:
    error = errors.CorporaError(cause, hint=hint)
    assert error.cause.isprintable()
    assert error.hint.isprintable()
    assert str(error) == f"{error.cause}\n{error.hint}"


def test_nearest_ignores_case() -> None:
    assert errors.nearest("SAMPEL", ["other", "Sample"]) == "Sample"
    assert errors.nearest("zzz", ["other", "Sample"]) is None
