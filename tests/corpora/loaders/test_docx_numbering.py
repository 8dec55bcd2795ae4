"""Paragraphs of Word documents have the numbers that Word shows (ECMA-376 part 1, 17.9; [MS-DOC] 2.4.6.4).

A second implementation, which counts by going through all paragraphs before each, says the same of random lists.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from corpora.loaders.formats.numerals import numeral
from tests.support.word_files import (
    cell,
    definition,
    level,
    listed,
    numbered,
    paragraph,
    read,
    row,
    starting,
    table,
)

OUTLINE = definition(
    0, level(0, "decimal", "%1."), level(1, "decimal", "%1.%2"), level(2, "lowerLetter", "(%3)"), level(3, "none", "")
)


def markers(body: str, numbering: str, styles: str = "") -> list[str]:
    """The markers of the paragraphs, each of which says ``x`` behind its own."""
    shown = read(body, numbering=numbering, styles=styles).text
    return [line.strip().removesuffix("x").rstrip(" ") for line in re.split(r"\n+", shown)]


def items(*levels: tuple[object, int]) -> str:
    return "".join(numbered("x", name, depth) for name, depth in levels)


def test_lists_of_one_definition_count_on_and_an_override_starts_anew() -> None:
    numbering = OUTLINE + listed(1, 0) + listed(2, 0, starting(0, 7)) + listed(3, 0)
    body = items((1, 0), (1, 0), (2, 0), (2, 0), (3, 0), (2, 0))
    assert markers(body, numbering) == ["1.", "2.", "7.", "8.", "9.", "10."]


def test_a_definition_of_its_own_counts_for_itself() -> None:
    numbering = OUTLINE + definition(1, level(0, "upperLetter", "%1)")) + listed(1, 0) + listed(2, 1)
    assert markers(items((1, 0), (2, 0), (1, 0), (2, 0)), numbering) == ["1.", "A)", "2.", "B)"]


def test_deeper_levels_start_again_and_skipped_ones_show_their_start() -> None:
    numbering = OUTLINE + listed(1, 0)
    body = items((1, 0), (1, 1), (1, 1), (1, 2), (1, 0), (1, 1), (1, 0), (1, 2), (1, 1))
    assert markers(body, numbering) == ["1.", "1.1", "1.2", "(a)", "2.", "2.1", "3.", "(a)", "3.1"]


@pytest.mark.parametrize(
    ("restart", "expected"),
    [
        ("", ["1", "1.1", "1.1.1", "1.2", "1.2.1", "2", "2.1.1"]),
        ('<w:lvlRestart w:val="0"/>', ["1", "1.1", "1.1.1", "1.2", "1.2.2", "2", "2.1.3"]),
        ('<w:lvlRestart w:val="1"/>', ["1", "1.1", "1.1.1", "1.2", "1.2.2", "2", "2.1.1"]),
        ('<w:lvlRestart w:val="2"/>', ["1", "1.1", "1.1.1", "1.2", "1.2.1", "2", "2.1.1"]),
    ],
)
def test_when_a_level_starts_again(restart: str, expected: list[str]) -> None:
    levels = level(0, "decimal", "%1"), level(1, "decimal", "%1.%2"), level(2, "decimal", "%1.%2.%3", restart)
    body = items((1, 0), (1, 1), (1, 2), (1, 1), (1, 2), (1, 0), (1, 2))
    assert markers(body, definition(0, *levels) + listed(1, 0)) == expected


def test_legal_numbers_are_in_digits_but_for_leading_zeros() -> None:
    levels = (
        level(0, "upperRoman", "Article %1."),
        level(1, "decimalZero", "Section %1.%2", "<w:isLgl/>"),
        level(2, "lowerLetter", "%1.%2.%3", "<w:isLgl/>"),
        level(3, "lowerLetter", "%1.%2(%4)", '<w:isLgl w:val="0"/>'),
    )
    body = items((1, 0), (1, 0), (1, 1), (1, 2), (1, 3))
    expected = ["Article I.", "Article II.", "Section 2.01", "2.01.1", "II.01(a)"]
    assert markers(body, definition(0, *levels) + listed(1, 0)) == expected


@pytest.mark.parametrize(
    ("look", "first", "last"),
    [
        ("decimal", "1", "28"), ("decimalZero", "01", "28"), ("upperRoman", "I", "XXVIII"),
        ("lowerRoman", "i", "xxviii"), ("upperLetter", "A", "BB"), ("lowerLetter", "a", "bb"),
        ("ordinal", "1st", "28th"), ("cardinalText", "One", "Twenty-eight"),
        ("ordinalText", "First", "Twenty-eighth"), ("chicago", "*", "§§§§§§§"), ("decimalEnclosedCircle", "①", "28"),
        ("numberInDash", "- 1 -", "- 28 -"), ("russianLower", "а", "ю"), ("japaneseCounting", "一", "二十八"),
        ("unheardOf", "1", "28"),
    ],
)  # fmt: skip
def test_looks(look: str, first: str, last: str) -> None:
    assert (numeral(1, look), numeral(28, look)) == (first, last)


def test_custom_formats_bullets_ticks_and_what_follows_the_number() -> None:
    custom = '<mc:AlternateContent><mc:Choice Requires="w14"><w:numFmt w:val="custom" w:format="001, 002, 003, ..."/>'
    custom += "</mc:Choice><mc:Fallback><w:numFmt w:val='decimal'/></mc:Fallback></mc:AlternateContent>"
    wingdings = '<w:rPr><w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/></w:rPr>'
    levels = (
        level(0, "decimal", "No. %1", '<w:suff w:val="nothing"/>'),
        f'<w:lvl w:ilvl="1"><w:start w:val="1"/>{custom}<w:lvlText w:val="%2:"/></w:lvl>',
        level(2, "bullet", "\uf0a8", wingdings),
        level(3, "bullet", "•"),
        level(4, "decimal", "%9%5%4%1"),
        level(5, "none", "Remark:"),
        level(6, "decimal", "%7", "<w:rPr><w:vanish/></w:rPr>"),
    )
    numbering = definition(0, *levels) + listed(1, 0)
    body = numbered(": Pay", 1, 0) + "".join(numbered("x", 1, depth) for depth in range(1, 7))
    shown = read(body, numbering=numbering).text.split("\n")
    assert [line.strip() for line in shown] == ["No. 1: Pay", "001: x", "- ☐ x", "- x", "11 x", "Remark: x", "", "x"]


@pytest.mark.parametrize(
    ("language", "expected"), [("", "Article One"), ("en-GB", "Article One"), ("de-DE", "Article 1")]
)
def test_numbers_in_words_are_english(language: str, expected: str) -> None:
    said = f'<w:lang w:val="{language}"/>' if language else ""
    styles = f"<w:docDefaults><w:rPrDefault><w:rPr>{said}</w:rPr></w:rPrDefault></w:docDefaults>"
    numbering = definition(0, level(0, "cardinalText", "Article %1")) + listed(1, 0)
    assert markers(items((1, 0)), numbering, styles=styles) == [expected]


def test_numbers_in_styles_belong_to_the_level_of_the_style() -> None:
    levels = (
        level(0, "decimal", "%1.", '<w:pStyle w:val="Top"/>'),
        level(1, "decimal", "%1.%2", '<w:pStyle w:val="Under"/>'),
    )
    numbered_style = (
        '<w:style w:type="paragraph" w:styleId="{0}"><w:name w:val="{0}"/><w:pPr><w:numPr>'
        '<w:ilvl w:val="5"/><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    ).format  # its level counts for nothing, since levels name it
    based = '<w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="Under"/></w:style>'
    off = (
        '<w:style w:type="paragraph" w:styleId="Off"><w:name w:val="Off"/><w:basedOn w:val="Top"/>'
        '<w:pPr><w:numPr><w:numId w:val="0"/></w:numPr></w:pPr></w:style>'
    )
    styles = numbered_style("Top") + numbered_style("Under") + based + off
    styled = '<w:pStyle w:val="{}"/>'.format
    body = "".join(
        paragraph("x", properties)
        for properties in (
            styled("Top"),
            styled("Under"),
            styled("Mine"),
            styled("Off"),
            styled("Top") + '<w:numPr><w:numId w:val="0"/></w:numPr>',
            styled("Top") + '<w:numPr><w:ilvl w:val="1"/></w:numPr>',
            styled("Top"),
            styled("Under") + '<w:numPr><w:numId w:val="2"/></w:numPr>',
        )
    )
    numbering = definition(0, *levels) + listed(1, 0) + listed(2, 0)
    assert markers(body, numbering, styles=styles) == ["1.", "1.1", "1.2", "", "", "1.3", "2.", "2.1"]


def test_a_definition_may_be_that_of_a_numbering_style() -> None:
    linked = '<w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="Clauses"/></w:abstractNum>'
    real = '<w:abstractNum w:abstractNumId="1"><w:styleLink w:val="Clauses"/>' + level(0, "upperRoman", "%1)")
    numbering = linked + real + "</w:abstractNum>" + listed(1, 0) + listed(2, 1)
    style = '<w:style w:type="numbering" w:styleId="Clauses"><w:pPr><w:numPr><w:numId w:val="{}"/></w:numPr></w:pPr>'
    for numbering_of_style in (2, 1, 9):
        styles = style.format(numbering_of_style) + "</w:style>"
        assert markers(items((1, 0), (2, 0), (1, 0)), numbering, styles=styles) == ["I)", "II)", "III)"]
    circle = '<w:abstractNum w:abstractNumId="0"><w:numStyleLink w:val="Clauses"/></w:abstractNum>' + listed(1, 0)
    assert markers(items((1, 0)), circle, styles=style.format(1) + "</w:style>") == [""]


def test_a_level_that_a_list_overrides_has_its_own_look() -> None:
    override = f'<w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride>'
    numbering = OUTLINE + listed(1, 0) + listed(2, 0, override)
    assert markers(items((1, 0), (2, 0), (1, 0)), numbering) == ["1.", "B)", "3."]


def test_empty_paragraphs_count_and_joined_ones_do_not() -> None:
    joined = '<w:numPr><w:numId w:val="1"/></w:numPr><w:rPr><w:del w:id="1"/></w:rPr>'
    body = numbered("x", 1) + numbered("", 1) + numbered("x", 1) + paragraph("first and ", joined) + numbered("x", 1)
    assert markers(body, OUTLINE + listed(1, 0)) == ["1.", "3.", "4. first and"]


def test_numbers_in_tables_are_read_even_if_they_are_all_that_a_cell_shows() -> None:
    number = cell(more=numbered("", 1))
    grid = table(row("No.", "Name"), row(number, "Ada"), row(number, cell(more=numbered("Bo", 1))))
    text = read(grid + numbered("x", 1), numbering=OUTLINE + listed(1, 0)).text
    rows, after = text.split("\n\n")
    assert [[part.rpartition(": ")[2] for part in line.split(" | ")] for line in rows.split("\n")[1:]] == [
        ["1.", "Ada"], ["2.", "3. Bo"]
    ]  # fmt: skip
    assert after == "4. x"


@dataclass(frozen=True)
class Lvl:
    look: str
    shown: str
    start: int
    restart: int | None
    legal: bool


def naive(paragraphs: list[tuple[int, int]], lists: dict[int, tuple[int, dict[int, int]]], levels: list[list[Lvl]]):  # type: ignore[no-untyped-def]
    """The markers, each found by going through all paragraphs up to it."""

    def count(i: int, depth: int) -> int:
        kind = lists[paragraphs[i][0]][0]
        at, used = None, set()
        for name, of_depth in paragraphs[: i + 1]:
            if lists[name][0] != kind:
                continue
            own = levels[kind][depth]
            limit = depth if own.restart is None else min(own.restart, depth)
            if of_depth < depth and of_depth < limit:
                at = None
            if of_depth == depth:
                starts = lists[name][1]
                if depth in starts and name not in used:
                    at = starts[depth]
                else:
                    at = starts.get(depth, own.start) if at is None else at + 1
                used.add(name)
        return lists[paragraphs[i][0]][1].get(depth, levels[kind][depth].start) if at is None else at

    for i, (name, depth) in enumerate(paragraphs):
        kind = lists[name][0]
        own = levels[kind][depth]
        text = own.shown
        for above in range(9):
            place = f"%{above + 1}"
            if place in text:
                look = (
                    "decimal" if own.legal and levels[kind][above].look != "decimalZero" else levels[kind][above].look
                )
                text = text.replace(place, numeral(count(i, above), look))
        yield text


def random_lists(
    chance: random.Random,
) -> tuple[str, list[tuple[int, int]], dict[int, tuple[int, dict[int, int]]], list[list[Lvl]]]:
    looks = ["decimal", "decimalZero", "upperRoman", "lowerRoman", "upperLetter", "lowerLetter", "ordinal"]
    depths = 4
    levels = [
        [
            Lvl(
                chance.choice(looks),
                "<" + "|".join(f"%{d + 1}" for d in range(depth + 1) if d == depth or chance.random() < 0.7) + ">",
                chance.choice([1, 1, 1, 2, 5]),
                chance.choice([None, None, None, 0, 1, 2, 3]),
                chance.random() < 0.2,
            )
            for depth in range(depths)
        ]
        for _ in range(2)
    ]
    lists = {
        name: (
            chance.randrange(2),
            {d: chance.choice([1, 3, 7]) for d in range(depths) if chance.random() < 0.3} if name > 2 else {},
        )
        for name in range(1, 6)
    }
    numbering = ""
    for kind, of_kind in enumerate(levels):
        parts = []
        for depth, lvl in enumerate(of_kind):
            more = "" if lvl.restart is None else f'<w:lvlRestart w:val="{lvl.restart}"/>'
            parts.append(level(depth, lvl.look, lvl.shown, more + "<w:isLgl/>" * lvl.legal, start=lvl.start))
        numbering += definition(kind, *parts)
    for name, (kind, starts) in lists.items():
        numbering += listed(name, kind, "".join(starting(depth, start) for depth, start in starts.items()))
    paragraphs = [(chance.randrange(1, 6), min(chance.randrange(5), 3)) for _ in range(30)]
    return numbering, paragraphs, lists, levels


def test_random_lists_are_counted_as_the_slow_way_counts(rounds: Callable[[int], int], seed: int) -> None:
    for n in range(rounds(60)):
        numbering, paragraphs, lists, levels = random_lists(random.Random(f"{seed} {n}"))
        assert markers(items(*paragraphs), numbering) == list(naive(paragraphs, lists, levels)), n
