"""What a correction must not lose, however small the change looks."""

from __future__ import annotations

import pytest

from app.faithful import keeps_its_meaning


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("We can not come today.", "We can come today."),
        ("You must never smoke here.", "You must smoke here."),
        ("There is no room for it.", "There is room for it."),
        ("They did n't see it.", "They did see it."),
        ("She has ten cats.", "She has two cats."),
        ("It took five days.", "It took nine days."),
        ("I love it 😍😍 so much!", "I love it 😍 so much!"),
    ],
)
def test_denials_numbers_and_signs_must_not_be_lost(source: str, corrected: str) -> None:
    assert not keeps_its_meaning(source, corrected, strict=True)


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("We can not come today.", "We cannot come today."),
        ("They dont see it.", "They don't see it."),
        ("They did n't saw it.", "They didn't see it."),
        ("She has ten cat.", "She has ten cats."),
        ("He is is here.", "He is here."),
        ("I love it 😍 so mutch!", "I love it 😍 so much!"),
    ],
)
def test_what_keeps_them_may_change(source: str, corrected: str) -> None:
    assert keeps_its_meaning(source, corrected, strict=True)
