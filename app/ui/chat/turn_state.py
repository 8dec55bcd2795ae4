"""From the events of a stream to what the card shows, and to the turn that is kept.

Pure functions: no clock, no Gradio, no HTML.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from app.generation.events import Answer, Citation, Done, Event, Retrieval, RunStats, TextDelta
from app.ui.views.answer import Running

_UNMEASURED: Final = RunStats(
    tokens=0, target_forwards=0, mean_acceptance_length=0.0, by_source={}, ttft_s=0.0, tokens_per_s=0.0, stages_s={}
)


def absorb(running: Running, events: Sequence[Event]) -> tuple[Running, Answer | None]:
    """The card after ``events``, and the answer if it is complete."""
    texts, citations, answer = [running.text], list(running.citations), None
    for event in events:
        if isinstance(event, TextDelta):
            texts.append(event.text)
        elif isinstance(event, Citation):
            citations = grown(citations, event)
        elif isinstance(event, Retrieval):
            running = dataclasses.replace(running, passages=event.passages, notice=event.notice)
        elif isinstance(event, Done):
            answer = event.answer
    return dataclasses.replace(running, text="".join(texts), citations=tuple(citations)), answer


def grown(citations: list[Citation], new: Citation) -> list[Citation]:
    """A live hint that continues an earlier one, from the same start, takes its place."""
    kept = [old for old in citations if old.answer_start != new.answer_start]
    return [*kept, new]


def partial(running: Running) -> Answer:
    """The answer as far as it came, for a stream that was left before it could say so itself."""
    return Answer(
        question=running.question,
        text=running.text,
        citations=running.citations,
        passages=running.passages,
        stats=_UNMEASURED,
        finish_reason="cancelled",
        notice=running.notice,
    )


def status_of(running: Running, elapsed_s: float) -> str:
    """What is going on, with the time once it takes a while."""
    if running.text:
        doing = "Writing"
    elif running.passages:
        doing = "Reading the passages"
    else:
        doing = "Searching"
    return doing if elapsed_s < 1 else f"{doing}, {elapsed_s:.0f} s"
