"""A question that goes on with a conversation is searched for with the question before it, another one alone."""

from __future__ import annotations

import pytest

from app.answering.follow_ups import search_text
from app.generation.prompts import Message

HISTORY = (
    Message("user", "What does the pass statement do?"),
    Message("assistant", "It is a null operation."),
    Message("user", "What is a lambda expression?"),
    Message("assistant", "An anonymous function."),
)


@pytest.mark.parametrize("question", ["Can it hold statements?", "And in a class?", "Why?", "What about defaults?"])
def test_one_that_leans_on_what_was_said_is_searched_for_with_the_latest_question(question: str) -> None:
    assert search_text(question, HISTORY) == f"What is a lambda expression? {question}"
    assert search_text(question, ()) == question


@pytest.mark.parametrize("question", ["When is a finally clause executed?", "Which statements may a class body hold?"])
def test_one_that_stands_alone_is_searched_for_alone(question: str) -> None:
    assert search_text(question, HISTORY) == question
