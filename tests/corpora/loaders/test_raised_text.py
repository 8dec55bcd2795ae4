"""Raised and lowered text keeps its value on one line: exponents, notes, fractions, formulas of chemistry."""

from __future__ import annotations

import re

import pytest

from corpora.loaders.formats.raised_text import Piece, on_one_line


def pieces(text: str) -> list[Piece]:
    """``10^{6}`` is 10 and a raised 6, ``H_{2}`` is H and a lowered 2."""
    marked = re.findall(r"([\^_])\{(.*?)\}|([^\^_]+)", text)
    at = {"^": "raised", "_": "lowered"}
    return [Piece(raised, at[sign]) if sign else Piece(plain) for sign, raised, plain in marked]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        ("3·10^{6} litres", "3·10^6 litres"),
        ("10^{-6} m", "10^-6 m"),
        ("e^{−x+1}", "e^(−x+1)"),
        ("25 m^{2} and 5 m^{3}/s, 9 kg/m^{3}, per km^{2}", "25 m² and 5 m³/s, 9 kg/m³, per km²"),
        ("m^{2} of mass m, 3 s^{-1}", "m^2 of mass m, 3 s^-1"),
        ("E=mc^{2}, a^{2}+b^{2}, (a+b)^{2}", "E=mc^2, a^2+b^2, (a+b)^2"),
        ("100^{2} = 10000", "100^2 = 10000"),
        ("H_{2}O, SO_{4}^{2-}, Na^{+}", "H2O, SO4^2-, Na+"),
        ("101_{2}, log_{2}8, T_{max}is", "101_2, log_2 8, T_max is"),
        ("since 1987^{2}.", "since 1987[2]."),
        ("The end.^{12} Next", "The end.[12] Next"),
        ("the tower^{2,3} fell", "the tower[2,3] fell"),
        ("(Smith)^{2} wrote", "(Smith)[2] wrote"),
        ("the value^{a} there*", "the value[a] there*"),
        ("^{1} See below", "[1] See below"),
        ("the tower^{(4)} fell, f^{(n)}", "the tower(4) fell, f^(n)"),
        ("by ^{14}C and (^{238}U), ^{2}In May", "by ^14C and (^238U), [2]In May"),
        ("10^{6}5", "10^6 5"),
        ("on the 21^{st} of May, 1^{er} mai", "on the 21st of May, 1er mai"),
        ("3^{1}/_{2} cups, 3^{1}⁄_{4}, 5^{1/}_{2}", "3 1/2 cups, 3 1⁄4, 5 1/2"),
        ("20^{o}C and 20 ^{0}C", "20°C and 20 °C"),
        ("Acme^{TM}, M^{lle} A, N^{o} 5", "Acme™, Mlle A, No 5"),
        ("plain ^{words that are raised for no reason} end", "plain words that are raised for no reason end"),
    ],
)
def test_raised_text_keeps_its_value(shown: str, line: str) -> None:
    assert on_one_line(pieces(shown)) == line


def test_digits_of_neighbours_never_run_together() -> None:
    """Whatever is raised behind a number, the number itself stays as it was."""
    for number in ("7", "10", "42", "350", "1987", "12.50"):
        for raised in ("2", "12", "-3", "n", "2,3", "x+1"):
            line = on_one_line([Piece(number), Piece(raised, "raised"), Piece(" men")])
            assert re.match(rf"{re.escape(number)}[\^\[]", line), line
        assert on_one_line([Piece(number), Piece("2", "lowered")]) == f"{number}_2"


def test_formulas_stay_apart_from_numbers_beside_them() -> None:
    half, power = Piece("1/2", "formula"), Piece("10^6", "formula")
    assert on_one_line([Piece("add 3"), half, Piece(" cups")]) == "add 3 1/2 cups"
    assert on_one_line([power, Piece("5 men"), power, half, Piece("x")]) == "10^6 5 men 10^6 1/2x"
    assert on_one_line([Piece("x="), half, Piece(".")]) == "x=1/2."
    notes = Piece("12,13,14,15,16,17,18,19,20", "raised")
    assert on_one_line([Piece("1987"), notes, Piece("5")]) == f"1987 {notes.text} 5"


def test_a_note_in_brackets_stays_as_it_is() -> None:
    line = on_one_line([Piece("It was built."), Piece("[1]", "raised"), Piece(" It is old."), Piece("[b]", "raised")])
    assert line == "It was built.[1] It is old.[b]"


def test_runs_of_one_number_are_one() -> None:
    parts = [Piece("1"), Piece("0"), Piece("1", "raised"), Piece("2", "raised"), Piece("")]
    assert on_one_line(parts) == "10^12"
