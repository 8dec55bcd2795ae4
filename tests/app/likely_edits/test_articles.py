"""Articles by sound; a change of one reaches the text."""

from __future__ import annotations

import pytest

from app.likely_edits.changes import article_changes, wanted_article
from app.likely_edits.words import words_of


@pytest.mark.parametrize(
    ("article", "words"),
    [
        ("an", "apple old hour honest honour heir umbrella unimportant uninteresting onion oneiric orange upper"),
        ("a", "pear university unique union unit united use usual European one once uniform utility house yellow"),
    ],
)
def test_the_sound_decides(article: str, words: str) -> None:
    assert {word: wanted_article(word) for word in words.split()} == dict.fromkeys(words.split(), article)


@pytest.mark.parametrize("word", "UN FBI X historic hotel is and 3D unilateral élan iPad".split())
def test_where_letters_do_not_tell_nothing_is_proposed(word: str) -> None:
    assert wanted_article(word) is None


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("I have a apple.", "I have an apple."),
        ("A old man came.", "An old man came."),
        ("He is an doctor.", "He is a doctor."),
        ("It is a hour.", "It is an hour."),
        ("It is a university, an umbrella.", None),
        ("Vitamin A is good, and plan A also.", None),
        ('He said a "open" door.', None),
    ],
)
def test_the_change_stands_for_the_article_alone(text: str, right: str | None) -> None:
    made = [text[: one.start] + one.new + text[one.end :] for one in article_changes(words_of(text))]
    assert made == ([right] if right else [])
