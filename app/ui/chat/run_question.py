"""Runs one question from its first search to its answer, as steps that a card can show.

Used for asking and for asking again without drafts. Must not build HTML or know components.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from app.conversations.turns import Turn
from app.errors import InputError
from app.generation.events import Answer, Citation, Done, Event, Retrieval, RunStats, TextDelta
from app.ui.state.app_state import AppState
from app.ui.state.error_display import reporting
from app.ui.state.interfaces import AnswerStream
from app.ui.views.answer import RunningAnswer

_UNMEASURED: Final = RunStats(
    tokens=0, target_forwards=0, mean_acceptance_length=0.0, by_source={}, ttft_s=0.0, tokens_per_s=0.0, stages_s={}
)


@dataclass(frozen=True, slots=True)
class Step:
    """The answer so far. ``turn`` is complete, with an answer or a problem, in the last step only."""

    running: RunningAnswer
    turn: Turn


async def run_question(
    state: AppState, turn: Turn, tab: str, *, scope: str = "", speculate: bool = True
) -> AsyncGenerator[Step, None]:
    """Run the question of ``turn`` for the browser tab ``tab``. Closing the generator stops the stream.

    Earlier answers are drafted from only if they were given in the same, non-empty ``scope``. Raises nothing: what goes
    wrong is the problem of the last step's turn.
    """

    def open_stream() -> AnswerStream:
        if not turn.corpus:
            raise InputError("there is no corpus yet", hint="create one in the Library and add files to it")
        corpus = state.registry.open(turn.corpus)
        return state.pipeline.stream(turn.question, corpus=corpus, speculate=speculate, scope=scope or None)

    run = state.runs.start(tab, open_stream)
    running, answer, began_s = RunningAnswer(question=turn.question), None, time.monotonic()
    try:
        with reporting() as problems:
            async with contextlib.aclosing(run.batches()) as batches:
                async for batch in batches:
                    running, complete = apply_events(running, batch)
                    answer = complete or answer
                    running = dataclasses.replace(running, status=status_of(running, time.monotonic() - began_s))
                    yield Step(running, turn)
    finally:
        state.runs.finish(tab, run)
    if problems:
        yield Step(running, dataclasses.replace(turn, problem=problems[0]))
    else:
        yield Step(running, dataclasses.replace(turn, answer=answer or partial_answer(running)))


def apply_events(running: RunningAnswer, events: Sequence[Event]) -> tuple[RunningAnswer, Answer | None]:
    """``running`` after ``events``, and the answer if it is complete."""
    texts, citations, answer = [running.text], list(running.citations), None
    for event in events:
        if isinstance(event, TextDelta):
            texts.append(event.text)
        elif isinstance(event, Citation):
            citations = _with_citation(citations, event)
        elif isinstance(event, Retrieval):
            running = dataclasses.replace(running, passages=event.passages, notice=event.notice)
        elif isinstance(event, Done):
            answer = event.answer
    return dataclasses.replace(running, text="".join(texts), citations=tuple(citations)), answer


def partial_answer(running: RunningAnswer) -> Answer:
    """The answer as far as it came, for a stream that was left before its last event."""
    return Answer(
        question=running.question,
        text=running.text,
        citations=running.citations,
        passages=running.passages,
        stats=_UNMEASURED,
        finish_reason="cancelled",
        notice=running.notice,
    )


def status_of(running: RunningAnswer, elapsed_s: float) -> str:
    """The stage that the answer has reached, with the time from the first second on."""
    if running.text:
        stage = "Writing"
    elif running.passages:
        stage = "Reading the passages"
    else:
        stage = "Searching"
    return stage if elapsed_s < 1 else f"{stage}, {elapsed_s:.0f} s"


def _with_citation(citations: list[Citation], new: Citation) -> list[Citation]:
    """A live citation replaces the earlier one from the same start, which it continues."""
    others = [old for old in citations if old.answer_start != new.answer_start]
    return [*others, new]
