"""A fact is quoted, what asks for more is written freely."""

from __future__ import annotations

import pytest

from app.generation.modes import asks_for_more_than_a_fact


@pytest.mark.parametrize(
    "question",
    [
        "Summarise the chapter on loops.",
        "Please explain what a decorator does",
        "Can you compare lists and tuples?",
        "What is a closure, in simple words?",
        "Give me a short overview of the with statement.",
        "tell me more",
        "Thanks!",
        "Describe how imports work step by step.",
    ],
)
def test_more_than_a_fact(question: str) -> None:
    assert asks_for_more_than_a_fact(question)


@pytest.mark.parametrize(
    "question",
    [
        "When is a finally clause executed?",
        "What does the pass statement do?",
        "Who wrote the summary report?",
        "Which statement continues a loop?",
        "What is described in section three?",
        "How is a function compared to another one?",
        "Is hiking allowed in the park?",
    ],
)
def test_a_fact(question: str) -> None:
    assert not asks_for_more_than_a_fact(question)
