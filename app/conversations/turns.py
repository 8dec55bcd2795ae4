"""One turn of a conversation, as JSON and back.

A turn is a question with its outcome: an answer or an error, and the result of "prove it" if that was asked for. Knows
nothing of HTML, SQL or Gradio.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from app.generation.events import Answer
from app.generation.prompts import REFUSAL, Message


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the page shows it: one line of cause, one line of remedy."""

    cause: str
    hint: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The same question asked with and without drafts. ``differs_at``: the first differing character; None if none.

    Times are those of this one request on this machine, in seconds: decoding only, as in ``RunStats``.
    """

    differs_at: int | None
    characters: int
    with_drafts_s: float
    without_drafts_s: float
    with_forwards: int
    without_forwards: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its outcome; ``id`` 0 is not stored yet."""

    question: str
    corpus: str
    answer: Answer | None = None
    problem: Problem | None = None
    proof: Proof | None = None
    id: int = 0


def messages(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The conversation as the target reads it: questions with answers, without what failed or was refused."""
    found: list[Message] = []
    for turn in turns:
        text = "" if turn.answer is None else turn.answer.text.strip()
        if text and text != REFUSAL:
            found += [Message("user", turn.question), Message("assistant", text)]
    return tuple(found)


def compare(shown: Answer, drafted: Answer, plain: Answer) -> Proof:
    """Compare the ``shown`` answer with the ``plain`` one, which was written without drafts.

    Times and forwards are those of the two runs just made, one after the other on the same machine.
    """
    pairs = zip(shown.text, plain.text, strict=False)
    first = next((i for i, (left, right) in enumerate(pairs) if left != right), None)
    if first is None and len(shown.text) != len(plain.text):
        first = min(len(shown.text), len(plain.text))
    return Proof(
        differs_at=first,
        characters=len(plain.text),
        with_drafts_s=drafted.stats.stages_s.get("decode", 0.0),
        without_drafts_s=plain.stats.stages_s.get("decode", 0.0),
        with_forwards=drafted.stats.target_forwards,
        without_forwards=plain.stats.target_forwards,
    )


def to_json(turn: Turn) -> str:
    """ASCII JSON of everything but the id; any text survives, lone surrogates too."""
    from pydantic import TypeAdapter  # late: it takes longer to import than a search without it

    answer = turn.answer
    if answer is not None:
        # An answer has read-only mappings, but the serializer expects plain dicts.
        stats = dataclasses.replace(
            answer.stats,
            by_source=dict(answer.stats.by_source),
            stages_s=dict(answer.stats.stages_s),
            failed_sources=dict(answer.stats.failed_sources),
        )
        turn = dataclasses.replace(turn, answer=dataclasses.replace(answer, stats=stats))
    return json.dumps(TypeAdapter(Turn).dump_python(dataclasses.replace(turn, id=0)))


def from_json(text: str, turn_id: int) -> Turn:
    """The turn that ``to_json`` wrote. Raises ``pydantic.ValidationError``."""
    from pydantic import TypeAdapter

    return dataclasses.replace(TypeAdapter(Turn).validate_python(json.loads(text)), id=turn_id)
