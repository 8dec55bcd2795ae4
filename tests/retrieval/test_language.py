"""The language guess: says it for whole questions, stays silent for English, code and scraps."""

from __future__ import annotations

import pydoc_data.topics

import pytest

from retrieval.language import guess_language, has_english_word, is_foreign, mostly_unknown, unknown_to_encoder


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wie funktioniert die for-Schleife in Python?", "German"),
        ("Comment fonctionne la boucle for ?", "French"),
        ("¿Cómo funciona el bucle for?", "Spanish"),
        ("Che cosa è un decoratore in Python?", "Italian"),
        ("O que é um decorador?", "Portuguese"),
        ("Wat is een decorator en hoe werkt het?", "Dutch"),
        ("Python'da dekoratör nedir ve nasıl kullanılır?", "Turkish"),
        ("什么是装饰器？", "Chinese"),
        ("デコレータとは何ですか", "Japanese"),
        ("데코레이터란 무엇인가요", "Korean"),
        ("Что такое декоратор?", "Russian or another Cyrillic language"),
        ("Τι είναι ο διακοσμητής;", "Greek"),
        ("डेकोरेटर क्या होता है", "Hindi"),
    ],
)
def test_guesses(text: str, language: str) -> None:
    assert guess_language(text) == language
    notice = unknown_to_encoder(language)
    assert notice is not None
    assert language in notice
    assert "--encoder" in notice
    assert "\n" not in notice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What does the with statement do?",
        "How do I use the de la Cruz method?",
        "El Niño",
        "la la la la",
        "alpha β is the second Greek letter",
        "What does 装饰器 mean in English?",
        "for x in range(10): print(x)",
        "def f(a, b): return a if a else b",
        "SELECT a FROM b WHERE c = 1",
        "ok",
        "12345 67890",
    ],
)
def test_silent(text: str) -> None:
    assert guess_language(text) is None


def test_silent_for_the_language_reference() -> None:
    paragraphs = [part for text in pydoc_data.topics.topics.values() for part in text.split("\n\n")]
    assert len(paragraphs) > 1000
    guessed = [part for part in paragraphs if guess_language(part) is not None]
    assert len(guessed) <= len(paragraphs) // 1000, guessed


def test_an_encoder_that_knows_the_language_needs_no_notice() -> None:
    assert unknown_to_encoder(guess_language("什么是装饰器？"), known={"English", "Chinese"}) is None


def test_english_words_are_those_of_no_other_language() -> None:
    assert has_english_word("She have a cat.") and has_english_word("Which is it?")
    for text in ("Ich habe einen Hund in Paris.", "Il est malade.", "Coming soon!", "not", "El perro es grande.", ""):
        assert has_english_word(text) == (text == "not"), text


def test_most_documents_decide_whether_another_encoder_is_suggested() -> None:
    assert mostly_unknown({}) is None
    assert mostly_unknown({"en": 5, "de": 5}) is None
    line = mostly_unknown({"en": 2, "fr": 1, "de": 3, "xx": 1})
    assert line is not None and "German" in line and "--encoder" in line


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("wo sind die Schlüssel", True),
        ("pendant combien de temps", True),
        ("¿cuánto cuesta la llave?", True),
        ("钥匙在哪里", True),
        ("where is the key", False),
        ("os requirements lumen", False),
        ("vacation policy de facto", False),
    ],
)
def test_short_questions_are_known_as_foreign_by_two_small_words(text: str, foreign: bool) -> None:
    assert is_foreign(text) == foreign
