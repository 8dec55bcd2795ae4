"""One question on its way through the page: what the card shows at each step, and how it ended.

Used for asking and for asking again without drafts. Must not build HTML or know components.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from app.conversations.turns import Turn
from app.errors import InputError
from app.ui.app_state import AppState
from app.ui.chat.turn_state import absorb, partial, status_of
from app.ui.error_display import reporting
from app.ui.interfaces import AnswerStream
from app.ui.views.answer import Running


@dataclass(frozen=True, slots=True)
class Step:
    """The card so far. ``turn`` is complete, with an answer or a problem, in the last step only."""

    running: Running
    turn: Turn


async def asking(
    desk: AppState, turn: Turn, tab: str, *, scope: str = "", speculate: bool = True
) -> AsyncGenerator[Step, None]:
    """Run the question of ``turn`` for a browser tab. Closing the generator stops the stream.

    Earlier answers are drafted from only if they were given in the same, non-empty ``scope``.
    """

    def opened() -> AnswerStream:
        if not turn.corpus:
            raise InputError("there is no corpus yet", hint="create one in the Library and add files to it")
        corpus = desk.shelf.open(turn.corpus)
        return desk.pipeline.stream(turn.question, corpus=corpus, speculate=speculate, scope=scope or None)

    run = desk.runs.start(tab, opened)
    running, answer, began_s = Running(question=turn.question), None, time.monotonic()
    try:
        with reporting() as problems:
            async with contextlib.aclosing(run.batches()) as batches:
                async for batch in batches:
                    running, done = absorb(running, batch)
                    answer = done or answer
                    running = dataclasses.replace(running, status=status_of(running, time.monotonic() - began_s))
                    yield Step(running, turn)
    finally:
        desk.runs.finish(tab, run)
    if problems:
        yield Step(running, dataclasses.replace(turn, problem=problems[0]))
    else:
        yield Step(running, dataclasses.replace(turn, answer=answer or partial(running)))
