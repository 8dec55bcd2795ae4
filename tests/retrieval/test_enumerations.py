"""Questions that ask for several things get the list, those that ask for one its item."""

from __future__ import annotations

import pytest

from corpora.documents import Document, Passage
from retrieval.evidence.enumerations import with_lists_first
from retrieval.interfaces import Evidence, Hit

TEXT = "You need:\n\n- 200 g flour\n- 3 eggs\n\nThe pan must be hot."
DOCUMENT = Document.of("cake.txt", TEXT)
HITS = [Hit(Passage.of(DOCUMENT, 0, len(TEXT)), 1.0)]


def evidence(said: str, relevance: float, *, is_list: bool = False) -> Evidence:
    start = TEXT.index(said)
    return Evidence(0, start, start + len(said), said, 0.5, relevance, kind="list" if is_list else "sentence")


LIST = evidence("You need:\n\n- 200 g flour\n- 3 eggs", -2.0, is_list=True)
FOUND = [LIST, evidence("- 200 g flour", 1.5), evidence("- 3 eggs", 0.5), evidence("The pan must be hot.", 0.0)]


def best(question: str) -> str:
    return max(with_lists_first(question, FOUND, HITS), key=lambda one: one.relevance).text


@pytest.mark.parametrize(
    "question",
    [
        "what do i need for the cake",
        "Which ingredients are in the cake?",
        "list all ingredients",
        "What other things belong into it?",
        "What are the parts of it?",
        "welche Zutaten brauche ich",
    ],
)
def test_who_asks_for_several_things_gets_the_list(question: str) -> None:
    assert best(question) == LIST.text


@pytest.mark.parametrize(
    "question",
    ["How much flour is in the cake?", "What does it weigh?", "What is the address?", "how do i make the cake"],
)
def test_who_asks_for_one_thing_gets_the_item(question: str) -> None:
    assert best(question) == "- 200 g flour"


def test_who_asks_how_gets_numbered_steps() -> None:
    text = "1. Whisk the eggs.\n2. Bake."
    hits = [Hit(Passage.of(Document.of("cake.txt", text), 0, len(text)), 1.0)]
    steps = [Evidence(0, 0, len(text), text, 0.5, -1.0, kind="list"), Evidence(0, 0, 18, text[:18], 0.5, 1.0)]
    assert [one.relevance for one in with_lists_first("how do i make it", steps, hits)] == [1.1, 1.0]
    assert with_lists_first("when is it done", steps, hits) == steps


def test_other_evidence_stays_as_it_is() -> None:
    assert with_lists_first("what do i need", FOUND, HITS)[1:] == FOUND[1:]
    assert with_lists_first("what do i need", [], []) == []
