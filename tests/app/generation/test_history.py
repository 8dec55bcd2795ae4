"""The conversation before a question, in the forms that callers have it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import ArgumentError
from app.generation.events import NO_STATS, Answer
from app.generation.history import messages_of
from app.generation.prompts import Message

WANTED = (Message("user", "What is it?"), Message("assistant", "A lambda."))
ANSWER = Answer("What is it?", "A lambda.", (), (), NO_STATS, "eos")


@pytest.mark.parametrize(
    "history",
    [
        WANTED,
        [("What is it?", "A lambda.")],
        [["What is it?", "A lambda."]],
        [("What is it?", ANSWER)],
        [ANSWER],
        [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A lambda."}],
        [("user", "What is it?"), ("assistant", "A lambda.")],
        [("human", "What is it?"), ("ai", "A lambda.")],
        [SimpleNamespace(role="user", content="What is it?"), SimpleNamespace(type="ai", content="A lambda.")],
        iter([WANTED[0], {"role": "assistant", "content": "A lambda."}]),
    ],
)
def test_every_form_gives_the_same_messages(history: Any) -> None:
    assert messages_of(history) == WANTED


def test_messages_of_langchain_are_messages() -> None:
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    history: Any = [SystemMessage("Be short."), HumanMessage("What is it?"), AIMessage("A lambda.")]
    assert messages_of(history) == (Message("system", "Be short."), *WANTED)


def test_no_history_is_no_message() -> None:
    assert messages_of(()) == messages_of([]) == ()


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ("What is it?", "history is a str, not a list"),
        ({"role": "user", "content": "x"}, "history is a dict"),
        (7, "history is an int"),
        (None, "history is None"),
        (["What is it?"], "part 1 of history is a str"),
        ([("a", "b"), ("a", "b", "c")], "part 2 of history is a tuple"),
        ([("a", 5)], "the answer of part 1 of history is an int"),
        ([{"role": "robot", "content": "x"}], "part 1 of history has the role 'robot'"),
        ([{"content": "x"}], "part 1 of history has the role None"),
        ([{"role": "user"}], "the content of part 1 of history is None"),
        ([{"role": "user", "content": [{"text": "x"}]}], "the content of part 1 of history is a list"),
        ([7], "part 1 of history is an int"),
    ],
)
def test_what_is_no_conversation_is_named_with_its_place(history: Any, said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        messages_of(history)
    assert said in caught.value.cause
    assert isinstance(caught.value, TypeError)
    assert "pairs" in caught.value.hint or "role" in caught.value.hint
    assert str(caught.value) == f"{caught.value.cause}\n{caught.value.hint}"
