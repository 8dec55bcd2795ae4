"""The conversation before a question, in whatever form a caller has it, as messages.

A pair of question and answer is two messages; a message has a role and a content, as a dictionary, as an object, or as
a pair of both. Hugging Face's, OpenAI's and LangChain's own forms are among these. Knows nothing of prompts' room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from app.errors import ArgumentError, kind_of
from app.generation.events import Answer
from app.generation.prompts import Message

Role: TypeAlias = Literal["system", "user", "assistant"]
History: TypeAlias = Sequence[Message | Answer | Mapping[str, str] | tuple[str, str | Answer]]
"""What ``history=`` takes, oldest first: pairs of question and answer, answers, or messages."""

_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
}
_HINT: Final = (
    'give pairs of question and answer, or messages: Message("user", "..."), {"role": "user", "content": "..."}'
)


def messages_of(history: History) -> tuple[Message, ...]:
    """The messages of a conversation, oldest first. Raises ArgumentError for what is none."""
    if isinstance(history, str | Mapping) or not isinstance(history, Iterable):
        raise ArgumentError(f"history is {kind_of(history)}, not a list", hint=_HINT)
    return tuple(message for number, said in enumerate(history, start=1) for message in _said(number, said))


def _said(number: int, said: Any) -> Iterator[Message]:
    if isinstance(said, Answer):
        yield from _pair(said.question, said.text)
    elif (message := _message(number, said)) is not None:
        yield message
    elif isinstance(said, Sequence) and len(said) == 2 and isinstance(said[0], str):
        answer = said[1].text if isinstance(said[1], Answer) else said[1]
        if not isinstance(answer, str):
            raise ArgumentError(f"the answer of part {number} of history is {kind_of(answer)}", hint=_HINT)
        yield from _pair(said[0], answer)
    else:
        raise ArgumentError(f"part {number} of history is {kind_of(said)}, neither a pair nor a message", hint=_HINT)


def _pair(question: str, answer: str) -> Iterator[Message]:
    yield Message("user", question)
    yield Message("assistant", answer)


def _message(number: int, said: Any) -> Message | None:
    """What was ``said`` as a message; None if it is not meant as one. Raises ArgumentError for half of one."""
    if isinstance(said, str):
        return None
    if isinstance(said, Mapping):
        role, content = said.get("role"), said.get("content")
    elif isinstance(said, Sequence):
        is_one = len(said) == 2 and isinstance(said[0], str) and said[0] in _ROLES
        role, content = said if is_one else (None, None)
        if not is_one:
            return None
    else:
        # A message of LangChain's says in ``type`` whose it is.
        role, content = getattr(said, "role", getattr(said, "type", None)), getattr(said, "content", None)
        if role is None and content is None:
            return None
    if not isinstance(role, str) or role not in _ROLES:
        known = "system, user or assistant"
        raise ArgumentError(f"part {number} of history has the role {role!r}", hint=f"the role of a message is {known}")
    if not isinstance(content, str):
        raise ArgumentError(f"the content of part {number} of history is {kind_of(content)}, not a text", hint=_HINT)
    return Message(_ROLES[role], content)
