"""What of an answer is shown: no number twice, no mark of a list; and all of it stays in the text."""

from __future__ import annotations

import html
import re

import pytest

from app.conversations.turns import Turn
from app.generation.events import NO_STATS, Answer, Citation, SourcePassage
from app.output.links import links
from app.output.shown_text import ShownText, list_marks, unshown, without
from app.ui.views.answer import turn_view

STEPS = "How to begin:\n1. Open the page.\n2. Choose a name.\n3. Log in with your key.\n\n- Using a proxy\n- Using none"
DATES = "Meetings of the year\n3. May was the first of them."


def passage(text: str, number: int = 1) -> SourcePassage:
    return SourcePassage(f"p{number}", f"d{number}.txt", 0, len(text), text, 1.0, number)


def answer(text: str, *copied: tuple[str, SourcePassage], passages: tuple[SourcePassage, ...]) -> Answer:
    citations = []
    for run, source in copied:
        start, at = text.index(run), source.text.index(run)
        citations.append(
            Citation(source.passage_id, source.document, at, at + len(run), start, start + len(run), "copied")
        )
    return Answer("q", text, tuple(citations), passages, NO_STATS, "eos")


def shown(given: Answer) -> str:
    linked = links(given.text, given.citations, given.passages)
    return without(given.text, unshown(given.text, linked, given.passages))


def test_a_number_is_said_once_where_the_run_beside_it_has_it() -> None:
    one, two = passage(STEPS), passage("Foxes are shy animals.", 2)
    given = answer(
        "[1] Choose a name. [2] Foxes are shy animals.",
        ("Choose a name.", one),
        ("Foxes are shy animals.", two),
        passages=(one, two),
    )
    assert shown(given) == "Choose a name. Foxes are shy animals."
    behind = answer("Foxes are shy animals. [2]", ("Foxes are shy animals.", two), passages=(one, two))
    assert shown(behind) == "Foxes are shy animals."


@pytest.mark.parametrize("text", ["[2] Choose a name.", "See [1] for more.", "Nothing is cited [7]."])
def test_a_number_that_says_something_else_stays(text: str) -> None:
    one, two = passage(STEPS), passage("Foxes are shy animals.", 2)
    copied = [("Choose a name.", one)] if "Choose" in text else []
    assert shown(answer(text, *copied, passages=(one, two))) == text


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("[1] 3. Log in with your key.", "[1] Log in with your key."),
        ("[1] - Using a proxy", "[1] Using a proxy"),
        ("[1] 1. Open the page. [1] 2. Choose a name.", "[1] Open the page. [1] Choose a name."),
        ("[1] 9. Log in with your key.", "[1] 9. Log in with your key."),
        ("[2] 3. May was the first of them.", "[2] 3. May was the first of them."),
        ("3. Log in with your key.", "3. Log in with your key."),
        ("[1] 3.5 is a number.", "[1] 3.5 is a number."),
        ("[1] - ", "[1] - "),
        ("[7] 3. Log in with your key.", "[7] 3. Log in with your key."),
    ],
)
def test_a_copied_mark_of_a_list_is_not_shown(text: str, rest: str) -> None:
    passages = (passage(STEPS), passage(DATES, 2))
    assert without(text, list_marks(text, passages)) == rest


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_text_that_comes_in_pieces_is_shown_the_same(size: int) -> None:
    passages = (passage(STEPS), passage(DATES, 2))
    for text in (
        "[1] 3. Log in with your key. [1] - Using a proxy [2] 3. May was the first of them.",
        "a [b] c [1",
        "[1] 3.5 and [12] (a) b [1] 3. ",
        "x[[1] 2. Choose a name.",
        "",
    ):
        whole = ShownText(passages)
        pieces = [whole.push(text[at : at + size]) for at in range(0, len(text), size)]
        assert "".join([*pieces, whole.finish()]) == without(text, list_marks(text, passages))


def test_the_page_keeps_the_whole_text_and_shows_less_of_it() -> None:
    one = passage(STEPS)
    given = answer("[1] 3. Log in with your key.", ("3. Log in with your key.", one), passages=(one,))
    card = str(turn_view(Turn("q", "my docs", answer=given, id=1)))
    text = re.search(r'<div class="text">(.*?)</div>', card, re.DOTALL)
    assert text is not None
    assert html.unescape(re.sub(r"<[^>]*>", "", text[1])) == given.text
    visible = re.sub(r"<span[^>]* hidden>[^<]*</span>", "", text[1])
    assert html.unescape(re.sub(r"<[^>]*>", "", visible)) == "Log in with your key."
    assert text[1].count("badge") == 1
