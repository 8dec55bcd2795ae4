"""Symbols are the characters that their fonts show: those that users of Word insert, and whole alphabets."""

from __future__ import annotations

import unicodedata

import pytest

from corpora.loaders.formats.symbol_fonts import is_symbol_font, shown, symbol


@pytest.mark.parametrize(
    ("font", "codes"),
    [
        ("Symbol", {0xA3: "≤", 0xB3: "≥", 0xB1: "±", 0xB4: "×", 0xB0: "°", 0xD6: "√", 0xB9: "≠", 0xA5: "∞", 0xE5: "∑",
                    0x61: "α", 0x6D: "μ", 0x57: "Ω", 0x44: "Δ", 0xAE: "→", 0xDE: "⇒", 0xB7: "•", 0xBB: "≈", 0xA2: "′"}),
        ("Wingdings", {0xFE: "☑", 0xA8: "☐", 0x6F: "☐", 0xFD: "☒", 0xFC: "✓", 0xFB: "✗", 0xE0: "→", 0xDF: "←",
                       0xE8: "→", 0x4A: "☺", 0x4C: "☹", 0x81: "①", 0x8A: "⑩", 0x8C: "❶", 0xAB: "★", 0x28: "☎",
                       0x6C: "●"}),
        ("Wingdings 2", {0x52: "☑", 0xA3: "☐", 0x50: "✓", 0x4F: "✗", 0x6A: "①"}),
        ("Wingdings 3", {0x22: "→", 0x21: "←", 0x23: "↑", 0x70: "▲"}),
        ("Webdings", {0x61: "✓", 0x63: "☐", 0x72: "✗"}),
    ],
)  # fmt: skip
def test_symbols(font: str, codes: dict[int, str]) -> None:
    for code, character in codes.items():
        assert symbol(font, code) == symbol(font.upper(), 0xF000 + code) == character


def test_greek_letters_are_those_of_their_names() -> None:
    """A second source for the letters of Symbol: the Greek alphabet as Unicode orders it."""
    latin, greek = "abgdezhqiklmnxoprstufcyw", [c for c in range(0x3B1, 0x3CA) if c != 0x3C2]
    assert [symbol("Symbol", ord(letter)) for letter in latin] == [chr(code) for code in greek]
    assert [symbol("Symbol", ord(letter.upper())) for letter in latin] == [chr(code).upper() for code in greek]


def test_every_symbol_is_a_character_that_is_shown() -> None:
    for font in ("Symbol", "Wingdings", "Wingdings 2", "Wingdings 3", "Webdings"):
        known = [character for code in range(0x21, 0x100) if (character := symbol(font, code)) is not None]
        assert all(
            len(character) == 1 and unicodedata.category(character) not in ("Co", "Cn", "Cc", "Cf")
            for character in known
        )


def test_other_fonts_show_the_character_itself_and_what_is_private_is_not_known() -> None:
    assert symbol("MS Gothic", 0x2612) == "☒"
    assert symbol("Calibri", 0xF0B7) is None
    assert symbol(None, 0xD800) is None
    assert symbol("Symbol", 0xF0F0) is None
    assert is_symbol_font("Wingdings") and not is_symbol_font("Arial") and not is_symbol_font(None)


def test_texts_in_a_symbol_font() -> None:
    assert shown("a \uf0a3 b", "Symbol") == ("α ≤ β", 0)
    assert shown("ab", "Arial") == ("ab", 0)
    assert shown("\x7fa", "Webdings") == ("✓", 1)
