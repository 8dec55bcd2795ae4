"""A question that goes on with a conversation is searched for with what the one before it was about, another alone."""

from __future__ import annotations

import pytest

from app.answering.follow_ups import search_text
from app.generation.prompts import Message

HISTORY = (
    Message("user", "What does the pass statement do?"),
    Message("assistant", "It is a null operation."),
    Message("user", "Who chairs the club of Brenn?"),
    Message("assistant", "[1] The club is chaired by Ada Lund, a baker."),
)


@pytest.mark.parametrize("question", ["And in Halm?", "Why?", "What about the choir?", "And for children under ten?"])
def test_the_same_of_something_else_is_searched_for_behind_the_question_before_it(question: str) -> None:
    assert search_text(question, HISTORY) == f"Who chairs the club of Brenn? {question}"
    assert search_text(question, ()) == question


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("Where does it meet?", "Where does it meet? chairs club Brenn"),
        ("and how many members has it", "how many members has it chairs club Brenn"),
        ("When was she elected?", "When was she elected? chairs club Brenn Ada Lund"),
    ],
)
def test_something_else_of_the_same_is_searched_for_with_what_that_was(question: str, searched: str) -> None:
    assert search_text(question, HISTORY) == searched


@pytest.mark.parametrize(
    "question",
    [
        "When is a finally clause executed?",
        "Which statements may a class body hold?",
        "And how long may I keep a film at home?",
    ],
)
def test_one_that_stands_alone_is_searched_for_alone(question: str) -> None:
    assert search_text(question, HISTORY) == question


def test_a_conversation_without_a_question_of_the_user_adds_nothing() -> None:
    assert search_text("And why?", (Message("assistant", "Hello."),)) == "And why?"
