"""What a model's own chat template puts around the messages of a conversation, as token ids.

The template is rendered once for each sequence of roles, with stand-ins for the messages; what it writes around them is
trusted and its control tokens are recognised. Each message is plain text. A model without a template gets plain text
around them, too. Knows nothing of documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jinja2 import TemplateError

from app.errors import ModelError
from app.generation.prompts import Message
from app.generation.tokenizer import Encoded, TextTokenizer

_STAND_IN: Final = "@@message {}@@"
_BREAK: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Framed:
    """A conversation up to where the model's turn begins: ids, and of each message its encoding and first index."""

    ids: tuple[int, ...]
    messages: tuple[Encoded, ...]
    starts: tuple[int, ...]


class ChatFrames:
    """Frames conversations. ``is_chat``: the model has a chat template. ``has_system``: it takes a system message.

    Raises ModelError for a template that does not take a single user's turn.
    """

    def __init__(self, tokens: TextTokenizer) -> None:
        self._tokens = tokens
        self._frames: dict[tuple[str, ...], tuple[tuple[int, ...], ...] | None] = {}
        self.is_chat = bool(tokens.hf.chat_template) and self._rendered(("user",)) is not None
        self.has_system = not self.is_chat or self._around(("system", "user")) is not None
        self.end_ids = self._end_ids() if self.is_chat else frozenset[int]()

    def frame(self, messages: Sequence[Message], *, cue: str = "Answer:") -> Framed | None:
        """The conversation in ids; None if the template does not take messages in that order.

        A system message goes before the first user's where the template has no place for it. A model without a template
        is asked by the ``cue``.
        """
        messages = messages if self.has_system else _without_system(messages)
        roles = tuple(message.role for message in messages)
        around = self._around(roles) if self.is_chat else self._plain(roles, cue)
        if around is None:
            return None
        ids, starts, encoded = list(around[0]), [], []
        for message, behind in zip(messages, around[1:], strict=True):
            # Without a template an answer follows a colon.
            spoken = not self.is_chat and message.role == "assistant"
            text = self._tokens.continued(":", " " + message.content) if spoken else self._tokens.plain(message.content)
            starts.append(len(ids))
            encoded.append(text)
            ids += [*text.ids, *behind]
        return Framed(tuple(ids), tuple(encoded), tuple(starts))

    def _around(self, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...] | None:
        """What stands before, between and behind messages of these roles; None if the template refuses them."""
        if roles not in self._frames:
            self._frames[roles] = self._found(roles)
        return self._frames[roles]

    def _plain(self, roles: tuple[str, ...], cue: str) -> tuple[tuple[int, ...], ...]:
        """The same for a model without a template."""
        behind = {role: self._tokens.trusted(_BREAK + cue if role == "user" else _BREAK) for role in roles}
        return (self._tokens.begin_ids, *(behind[role] for role in roles))

    def _found(self, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...] | None:
        try:
            pieces = self._rendered(roles)
        except ModelError:
            return None
        return None if pieces is None else tuple(self._tokens.trusted(piece) for piece in pieces)

    def _rendered(self, roles: tuple[str, ...], *, answers: bool = True) -> list[str] | None:
        """The template's own text around stand-ins, up to the model's turn if it ``answers``; None if one is missing.

        Raises ModelError for roles that the template refuses. Thinking is switched off where there is a switch for it.
        """
        stand_ins = [_STAND_IN.format(number) for number in range(len(roles))]
        turns = [{"role": role, "content": text} for role, text in zip(roles, stand_ins, strict=True)]
        try:
            text = self._tokens.hf.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=answers, enable_thinking=False
            )
        except TemplateError as error:
            raise ModelError(
                f"the model's chat template cannot be used: {error}",
                hint="choose a model whose template takes a single user's turn, or remove its chat_template",
            ) from error
        pieces, rest = [], str(text)
        for stand_in in stand_ins:
            piece, found, rest = rest.partition(stand_in)
            if not found:
                return None
            pieces.append(piece)
        return [*pieces, rest]

    def _end_ids(self) -> frozenset[int]:
        """The control token that the template writes behind the model's turn."""
        try:
            pieces = self._rendered(("user", "assistant"), answers=False)
        except ModelError:
            return frozenset()
        behind = self._tokens.trusted(pieces[-1].lstrip()) if pieces else ()
        return frozenset(token for token in behind[:1] if self._tokens.is_control(token))


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The same with what the system message says at the beginning of the first user's."""
    said = "\n\n".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    if not said or not rest:
        return rest
    return [Message(rest[0].role, f"{said}\n\n{rest[0].content}"), *rest[1:]]
