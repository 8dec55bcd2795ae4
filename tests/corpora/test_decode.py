"""Encodings: marks, UTF-8, cp1252, then guessing; and what is no text at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import BinaryText
from corpora.loaders.decode import decoded

GERMAN = "Die Straße führt über den Fluß – „sagt man“."
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 8


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_usual_encodings(encoding: str) -> None:
    assert decoded(GERMAN.encode(encoding), "a.txt") == GERMAN


def test_letters_that_are_nearly_all_high_are_not_taken_for_cp1252() -> None:
    assert decoded(RUSSIAN.encode("cp1251"), "a.txt") == RUSSIAN


def test_a_declared_encoding_comes_before_cp1252_but_after_utf_8() -> None:
    assert decoded("naïve".encode("mac-roman"), "a.html", declared="mac-roman") == "naïve"
    assert decoded("naïve".encode(), "a.html", declared="mac-roman") == "naïve"
    assert decoded("naïve".encode("cp1252"), "a.html", declared="no-such-encoding") == "naïve"


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)),
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00" * 20,
        b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 64,
        "text in UTF-16 without a mark".encode("utf-16-le"),
        bytes(range(1, 32)) * 40,
    ],
)
def test_binary_is_refused(data: bytes) -> None:
    with pytest.raises(BinaryText, match=r"a\.txt is not text"):
        decoded(data, "a.txt")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_utf_8_without_controls_is_itself(text: str) -> None:
    assert decoded(text.encode("utf-8-sig"), "a.txt") == text


@given(st.binary())
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    try:
        text = decoded(data, "a.txt")
    except BinaryText:
        return
    assert "\0" not in text
    assert "\r" not in text
