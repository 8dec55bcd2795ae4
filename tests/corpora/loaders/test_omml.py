"""Equations of Office as linear text: whatever the layout told apart stays apart, so no number changes its value."""

from __future__ import annotations

import random
from fractions import Fraction
from xml.etree.ElementTree import fromstring

import pytest

from corpora.loaders.formats.office.omml import linear

MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def r(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def part(name: str, inside: str) -> str:
    return f"<m:{name}>{inside if inside.startswith('<') else r(inside)}</m:{name}>"


def f(above: str, below: str, kind: str = "") -> str:
    properties = f'<m:fPr><m:type m:val="{kind}"/></m:fPr>' if kind else "<m:fPr><m:ctrlPr/></m:fPr>"
    return f"<m:f>{properties}{part('num', above)}{part('den', below)}</m:f>"


def sup(base: str, raised: str) -> str:
    return f"<m:sSup>{part('e', base)}{part('sup', raised)}</m:sSup>"


def sub(base: str, lowered: str) -> str:
    return f"<m:sSub>{part('e', base)}{part('sub', lowered)}</m:sSub>"


def d(*parts: str, properties: str = "") -> str:
    return f"<m:d><m:dPr>{properties}</m:dPr>{''.join(part('e', inside) for inside in parts)}</m:d>"


def rad(inside: str, degree: str = "") -> str:
    return f"<m:rad>{part('deg', degree) if degree else '<m:deg/>'}{part('e', inside)}</m:rad>"


def nary(sign: str, low: str, high: str, of: str) -> str:
    properties = f'<m:naryPr><m:chr m:val="{sign}"/></m:naryPr>' if sign else ""
    return f"<m:nary>{properties}{part('sub', low)}{part('sup', high)}{part('e', of)}</m:nary>"


def m(*rows: str) -> str:
    cells = ("".join(part("e", cell) for cell in row.split()) for row in rows)
    return f"<m:m>{''.join(f'<m:mr>{row}</m:mr>' for row in cells)}</m:m>"


def acc(base: str, sign: str | None = None) -> str:
    properties = "" if sign is None else f'<m:accPr><m:chr m:val="{sign}"/></m:accPr>'
    return f"<m:acc>{properties}{part('e', base)}</m:acc>"


def shown(*inside: str) -> str:
    return linear(fromstring(f'<m:oMath xmlns:m="{MATH}">{"".join(inside)}</m:oMath>'))


@pytest.mark.parametrize(
    ("inside", "line"),
    [
        (r("x=") + f("1", "24"), "x=1/24"),
        (r("3") + f("1", "2"), "3 1/2"),
        (f("1", "2") + r("x"), "1/2 x"),
        (f("a+b", "2x"), "(a+b)/(2x)"),
        (f("1", f("2", "3")), "1/(2/3)"),
        (f("distance", "time"), "distance/time"),
        (f("1", "3", "lin") + f("1", "3", "skw"), "1/3 1/3"),
        (d(f("n", "k", "noBar")), "(binom(n, k))"),
        (sup("10", "6"), "10^6"),
        (sup("10", "-6") + r("m"), "10^-6m"),
        (sup("e", "−x+1"), "e^(−x+1)"),
        (sup(d("a+b"), "2"), "(a+b)^2"),
        (sup(f("1", "2"), "2"), "(1/2)^2"),
        (sup("90", "∘") + sup("f", "′"), "90°f′"),
        (sub("x", "1") + r("+") + sub("a", "i+1"), "x_1+a_(i+1)"),
        (f"<m:sSubSup>{part('e', 'x')}{part('sub', 'i')}{part('sup', '2')}</m:sSubSup>", "x_i^2"),
        (f"<m:sPre>{part('sub', '6')}{part('sup', '14')}{part('e', 'C')}</m:sPre>", "_6^14 C"),
        (rad("16"), "√16"),
        (rad("a+b") + rad("27", "3") + rad("32", "5"), "√(a+b)∛27root(5, 32)"),
        (nary("∑", "i=1", "n", sub("x", "i")), "∑_(i=1)^n x_i"),
        (nary("", "0", "1", "f(x)dx"), "∫_0^1 f(x)dx"),
        (m("1 2", "3 4"), "[1, 2; 3, 4]"),
        (d(m("1 0", "0 1")), "(1, 0; 0, 1)"),
        (d("x", properties='<m:begChr m:val="|"/><m:endChr m:val="|"/>'), "|x|"),
        (d("a", "b", properties='<m:begChr m:val="["/><m:sepChr m:val=";"/><m:endChr m:val="["/>'), "[a;b["),
        (d(f"<m:eqArr>{part('e', 'x&amp;=1')}{part('e', 'y&amp;=2#(7)')}</m:eqArr>",
           properties='<m:begChr m:val="{"/><m:endChr m:val=""/>'), "{x=1; y=2 (7)"),
        (f"<m:func>{part('fName', 'sin')}{part('e', '2x')}</m:func>", "sin 2x"),
        (f"<m:func>{part('fName', sub('log', '2'))}{part('e', d('8'))}</m:func>", "log_2(8)"),
        (f"<m:limLow>{part('e', 'lim')}{part('lim', 'x→0')}</m:limLow>", "lim_(x→0)"),
        (acc("x") + acc("v", "⃗") + acc("ab", "̃"), "x̂v⃗(ab)̃"),
        (f"{r('0.')}<m:bar><m:barPr><m:pos m:val='top'/></m:barPr>{part('e', '36')}</m:bar>", "0.3̅6̅"),
        (r("𝑥 = 𝟏𝟎\u2062y"), "x = 10y"),
        (f"<w:del xmlns:w='w'>{r('9')}</w:del><w:ins xmlns:w='w'>{r('8')}</w:ins>", "8"),
        (f"<m:phant><m:phantPr><m:show m:val='0'/></m:phantPr>{part('e', 'gone')}</m:phant>{r('x')}", "x"),
        (f"<m:borderBox>{part('e', 'a=1')}</m:borderBox>", "a=1"),
    ],
)  # fmt: skip
def test_linear_text(inside: str, line: str) -> None:
    assert shown(inside) == line


def test_paragraphs_of_equations_are_lines() -> None:
    two = f"<m:oMath>{r('a=1')}</m:oMath><m:oMath>{r('b=2')}</m:oMath>"
    whole = fromstring(f'<m:oMathPara xmlns:m="{MATH}"><m:oMathParaPr/>{two}</m:oMathPara>')
    assert linear(whole) == "a=1\nb=2"


def equation(chance: random.Random, depth: int) -> tuple[str, Fraction]:
    """A random equation and its value."""
    kind = chance.choice(["number", "sum", "fraction", "power", "brackets"]) if depth else "number"
    if kind == "number":
        number = chance.randint(1, 12)
        return r(str(number)), Fraction(number)
    one, left = equation(chance, depth - 1)
    if kind == "power":
        return sup(one if depth == 1 else d(one), "2"), left**2
    if kind == "brackets":
        return d(one), left
    two, right = equation(chance, depth - 1)
    if kind == "sum":
        return one + r("+") + two, left + right
    return f(one, two), left / right


@pytest.mark.parametrize("n", range(100))
def test_the_linear_text_has_the_value_of_the_equation(n: int) -> None:
    """Python, to which the line is given, is the second reader."""
    inside, expected = equation(random.Random(n), 3)
    line = shown(inside).replace("^", "**")
    number = "".join(f"Fraction({word})" if word.isdecimal() else word for word in _tokens(line))
    assert eval(number, {"Fraction": Fraction}) == expected, line


def _tokens(line: str) -> list[str]:
    tokens: list[str] = []
    for letter in line:
        if letter.isdecimal() and tokens and tokens[-1].isdecimal():
            tokens[-1] += letter
        else:
            tokens.append(letter)
    return tokens
