"""Errors in company: what is likely beside errors, that changes of one place are no company to each other."""

from __future__ import annotations

import pytest

from app.likely_edits.changes import Change, weighed
from app.likely_edits.words import words_of

WORDS = words_of("he go to school yesterday")
NOTHING = [0.0] * len(WORDS)
CAPITAL, FORM, COMMA = Change(0, 2, "He", 0.9), Change(3, 5, "goes", 0.8), Change(15, 15, ",", 0.4)


def chances(*changes: Change, dropped: list[float] = NOTHING, misspelt: tuple[int, ...] = ()) -> dict[str, float]:
    return {one.new: one.chance for one in weighed(WORDS, dropped, changes, misspelt)[1]}


ALONE = chances(FORM)["goes"]


def test_an_error_by_itself_is_less_likely() -> None:
    assert 0.5 < ALONE < 0.8


def test_errors_elsewhere_make_a_change_likelier_and_more_of_them_more_so() -> None:
    alone, one, two = (chances(*some, COMMA)[","] for some in ((), (CAPITAL,), (CAPITAL, FORM)))
    assert alone < 0.5 < one < two < 1


def test_what_is_unlikely_is_no_company() -> None:
    assert chances(Change(0, 2, "He", 0.2), FORM)["goes"] == ALONE


def test_changes_of_one_place_are_no_company_to_each_other() -> None:
    went = Change(3, 5, "went", 0.5)
    assert chances(FORM, went) == {"goes": ALONE, "went": chances(went)["went"]}


def test_the_same_change_twice_is_one() -> None:
    _, found = weighed(WORDS, NOTHING, [Change(3, 5, "goes", 0.3), Change(3, 5, "goes", 0.2)], ())
    assert [(one.new, one.chance) for one in found] == [
        ("goes", pytest.approx(chances(Change(3, 5, "goes", 0.5))["goes"]))
    ]


def test_a_misspelt_word_counts_for_less() -> None:
    assert chances(COMMA)[","] < chances(CAPITAL, COMMA, misspelt=(0,))[","] < chances(CAPITAL, COMMA)[","]


def test_words_to_be_left_out_have_company_too() -> None:
    dropped = [0.0, 0.0, 0.4, 0.0, 0.0]
    assert weighed(WORDS, dropped, [CAPITAL], ())[0][2] > 0.5
    assert 0 < weighed(WORDS, dropped, [], ())[0][2] < 0.4
    assert chances(COMMA, dropped=[0.0, 0.9, 0.0, 0.0, 0.0])[","] > 0.5
