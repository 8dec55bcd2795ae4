"""Cells are values only where nothing about them is in doubt."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from retrieval.tables.cells import Days, Readings, read


def days(text: str) -> Days:
    (value,) = read([text]).values
    assert isinstance(value, Days)
    return value


@pytest.mark.parametrize(
    ("texts", "numbers", "unit"),
    [
        (["3", "1,220", "-4"], ["3", "1220", "-4"], ""),
        (["€ 143.50", "€ 1,220.00", ""], ["143.50", "1220.00", None], "€"),
        (["1.220,00 €", "99,10 €"], ["1220.00", "99.10"], "€"),
        (["3.5 kg", "12 kg", "n/a"], ["3.5", "12", None], "kg"),
        (["12 %", "8.5 %"], ["12", "8.5"], "%"),
        (["12.50[3]", "9.00", "7 [a]"], ["12.50", "9.00", "7"], ""),
        (["(3.50)", "−2"], ["-3.50", "-2"], ""),
        (["3 kg", "500 g"], ["3", "500"], None),
        (["0.450", "1.250"], ["0.450", "1.250"], ""),
        (["1'200.50", "900"], ["1200.50", "900"], ""),
    ],
)
def test_numbers_are_exact(texts: list[str], numbers: list[str | None], unit: str | None) -> None:
    found = read(texts)
    assert (found.kind, found.unit) == ("number", unit)
    assert found.values == tuple(None if number is None else Decimal(number) for number in numbers)


@pytest.mark.parametrize("text", ["on request", "~5", "3-5", "1 h 20 min", "M-101", "3.1.2", "1,22,3"])
def test_what_is_no_number_is_not_read_as_one(text: str) -> None:
    found = read(["3", "4", text])
    assert found.values[2] is None and found.unread == (2,)


def test_the_language_decides_what_parts_thousands() -> None:
    assert read(["1.200", "2.500"], language="de").values == (Decimal(1200), Decimal(2500))
    assert read(["1.200", "2.500"]).values == (Decimal("1.2"), Decimal("2.5"))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-03-04", date(2026, 3, 4), date(2026, 3, 4)),
        ("4 March 2026", date(2026, 3, 4), date(2026, 3, 4)),
        ("March 4, 2026", date(2026, 3, 4), date(2026, 3, 4)),
        ("Mon, 4 Mar 2026", date(2026, 3, 4), date(2026, 3, 4)),
        ("04.03.2026", date(2026, 3, 4), date(2026, 3, 4)),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("Feb 2024", date(2024, 2, 1), date(2024, 2, 29)),
    ],
)
def test_dates(text: str, first: date, last: date) -> None:
    assert days(text) == Days(first, last)


def test_a_date_with_two_meanings_is_read_only_if_its_column_tells_which() -> None:
    assert read(["3/4/2026", "5/6/2026"]).kind == "text"
    assert read(["3/4/2026", "25/6/2026"]).values[0] == Days(date(2026, 4, 3), date(2026, 4, 3))
    assert read(["3/4/2026", "6/25/2026"]).values[0] == Days(date(2026, 3, 4), date(2026, 3, 4))


def test_times_of_day_are_minutes() -> None:
    assert read(["08:30", "7:05 pm", "12:00 am"]).values == (510, 1145, 0)


@pytest.mark.parametrize(
    ("texts", "number", "shown"),
    [
        (["€ 1,220.00", "€ 3.50"], "1542.6", "€ 1,542.60"),
        (["1.220,00 €"], "-5", "-5,00 €"),
        (["3", "4"], "3.25", "3.25"),
        (["3 kg", "12.5 kg"], "15.5", "15.5 kg"),
    ],
)
def test_results_are_written_as_the_column_writes_its_own(texts: list[str], number: str, shown: str) -> None:
    found: Readings = read(texts)
    assert found.shown(Decimal(number)) == shown
