"""Terms: what two texts must share for the lexical index to find one by the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.terms import query_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick Fox.", ["the", "quick", "fox"]),
        ("__init__", ["__init__", "init"]),
        ("max_new_tokens", ["max_new_tokens", "max", "new", "tokens"]),
        ("parseHTTPHeader", ["parsehttpheader", "parse", "http", "header"]),
        ("x **= 2 -> y", ["x", "**=", "2", "->", "y"]),
        ("C++ and C#", ["c++", "and", "c#"]),
        ("Straße ﬁne", ["strasse", "fine"]),
        ("装饰器", ["装", "饰", "器", "装饰", "饰器"]),
        ("用Python写", ["用", "python", "写"]),
        ("人々・東京", ["人", "々", "人々", "東", "京", "東京"]),
        ("ที่", ["ท", "ที", "ี่"]),
        ("စာ။မြန်", ["စ", "စာ", "မ", "န", "မြ", "ြန", "န်"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("!!! ... ,", ["..."]),
        ("", []),
    ],
)
def test_terms_of(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_question_loses_its_frame_but_not_its_subject() -> None:
    assert query_terms("What does the with statement do?") == ["with", "statement"]
    assert query_terms("How is a for loop written?") == ["is", "for", "loop", "written"]


def test_a_question_of_frame_words_alone_keeps_them() -> None:
    assert query_terms("What does this do?") == ["what", "does", "this", "do"]


@given(st.text())
def test_any_text_has_terms_without_whitespace(text: str) -> None:
    found = terms(text)
    assert all(term and not any(character.isspace() for character in term) for term in found)
    assert set(query_terms(text)) <= set(found)


@given(st.lists(st.text(alphabet="abcXYZ", min_size=1, max_size=8), max_size=8))
def test_case_of_plain_words_does_not_matter(words: list[str]) -> None:
    assert {word.casefold() for word in words} <= set(terms(" ".join(words)))
    assert terms(" ".join(words).lower()) == [word.lower() for word in words]
