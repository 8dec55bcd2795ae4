"""Hard-wrapped text becomes reading text; what was broken on purpose stays broken."""

from __future__ import annotations

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from corpora.text.reflow import reflowed

PROSE = (
    "The harbour was built in 1842 by the town itself. It froze twice, once for eleven weeks, and the boats "
    "lay in the ice. Nobody could leave. In spring the fishermen went out again and came back with little."
)


def test_wrapped_paragraphs_are_joined_at_any_width() -> None:
    for width in (40, 55, 72, 79, 100):
        wrapped = textwrap.fill(PROSE, width) + "\n\n" + textwrap.fill(PROSE[::1].upper(), width)
        assert reflowed(wrapped) == f"{PROSE}\n\n{PROSE.upper()}", width


def test_hyphens_at_line_ends() -> None:
    text = (
        "This is an exam-\nple of a word that was broken, and well-\nknown is one that was not. The co\N{SOFT HYPHEN}\n"
        "operation of the years 1999-\n2001 is kept, and a self-\nmade thing too, and also re-\n"
        "entry here since re-entry is\nwritten so."
    )
    assert reflowed(text) == (
        "This is an example of a word that was broken, and well-known is one that was not. The "
        "cooperation of the years 1999-2001 is kept, and a self-made thing too, and also re-entry here since "
        "re-entry is written so."
    )


def test_lists_keep_their_lines_and_join_their_own() -> None:
    text = "Things to do:\n\n- first thing that goes on\n  over the line\n- second\n    - inner\n1. one\n2. two\n"
    assert reflowed(text) == (
        "Things to do:\n\n- first thing that goes on over the line\n- second\n    - inner\n1. one\n2. two"
    )


def test_paragraphs_in_a_wide_margin_are_no_code() -> None:
    block = textwrap.indent(textwrap.fill(PROSE, 60), " " * 8)
    assert reflowed(f"{block}\n\n{block}") == f"{PROSE}\n\n{PROSE}"


def test_code_is_kept() -> None:
    indented = "Call it:\n\n    for x in y:\n        print(x)\n\nDone."
    assert reflowed(indented) == indented
    fenced = "Call it:\n\n```python\nx = 1\n\ny = [\n  2]\n```\nDone."
    assert reflowed(fenced) == "Call it:\n\n    x = 1\n\n    y = [\n      2]\n\nDone."


def test_headings_lose_their_underline_and_rules_go() -> None:
    assert reflowed("Title\n=====\n\nText.\n\n-----\n\nPart\n----\nMore.") == "Title\n\nText.\n\nPart\n\nMore."


def test_tables_stay_line_by_line() -> None:
    assert reflowed("Name     Age\nAda      36\nGrace    85") == "Name Age\nAda 36\nGrace 85"
    grid = "\n".join(
        [
            "+---+-----+",
            "| a | b c |",
            "|===|=====|",
            "| d | e   |",
            "|   | f   |",
            "+---+-----+",
            "| g | h   |",
            "+---+-----+",
        ]
    )
    assert reflowed(grid) == "a | b c\nd | e f\ng | h"


def test_verse_is_not_joined() -> None:
    verse = (
        "The fog comes\non little cat feet.\n\n"
        "It sits looking\nover harbor and city\non silent haunches\nand then moves on."
    )
    assert reflowed(verse).count("\n") >= 1
    address = "Ada Lovelace\n12 St James's Square\nLondon"
    letter = f"{address}\n\n{textwrap.fill(PROSE, 72)}\n\n{textwrap.fill(PROSE, 72)}"
    assert reflowed(letter).startswith(address + "\n\n")


def test_long_lines_were_not_wrapped() -> None:
    text = f"{PROSE} {PROSE}\n{PROSE}\nShort one."
    assert reflowed(text) == text


def test_scripts_without_spaces_are_joined_without() -> None:
    assert reflowed("今天天气很好我们去公园散步\n然后回家吃饭看书睡觉休息吧\n再见") == (
        "今天天气很好我们去公园散步然后回家吃饭看书睡觉休息吧再见"
    )


@given(st.text(st.sampled_from("ab.-* \t\n#|+=`1)A\N{SOFT HYPHEN}\u3002漢"), max_size=200) | st.text(max_size=200))
def test_no_letter_or_digit_is_lost(text: str) -> None:
    def count(which: str) -> int:
        return sum(ch.isalpha() for ch in which)

    assert count(reflowed(text)) <= count(text)
    if "```" not in text and "~~~" not in text:  # the info string of a fence is markup
        assert count(reflowed(text)) == count(text)
