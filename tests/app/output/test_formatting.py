"""Sizes and durations as people read them."""

from __future__ import annotations

from app.output.formatting import amount, duration, percent


def test_amounts() -> None:
    assert [amount(size) for size in (0, 999, 1500, 12_345, 7_654_321, 3_000_000_000)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "12 kB",
        "7.7 MB",
        "3.0 GB",
    ]
    assert [duration(s) for s in (0.2, 89, 125, 7800)] == ["1 s", "89 s", "2 min", "2 h 10 min"]


def test_chances_are_never_said_to_be_sure() -> None:
    assert [percent(chance) for chance in (0.0, 0.004, 0.01, 0.834, 0.99, 0.9999, 1.0)] == [
        "under 1 %",
        "under 1 %",
        "1 %",
        "83 %",
        "99 %",
        "over 99 %",
        "over 99 %",
    ]
