"""What the Chat tab does with the pipeline: ask, stop, prove, and show where an answer came from.

Each action yields values by component. A browser that goes away closes the generator, and that stops the stream.
Must not build HTML.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator

import gradio as gr

from app.ui.answering import absorb, partial, status_of
from app.ui.chat_history import ChatHistory
from app.ui.chat_parts import ChatParts, Updates
from app.ui.desk import Desk, browser, number_in, problem_of, tab, text_in
from app.ui.links import links
from app.ui.turns import Turn, compare
from app.ui.views.answer import Running, problem_view, running_view
from app.ui.views.chrome import announcement, thread_view
from app.ui.views.sources import reader_view, sources_view


class ChatActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, desk: Desk, parts: ChatParts, history: ChatHistory) -> None:
        """Work with ``desk`` on ``parts``."""
        self._desk = desk
        self._parts = parts
        self._history = history

    def stop(self, request: gr.Request) -> None:
        """Stop what runs in this browser tab."""
        self._desk.runs.stop(tab(request))

    async def start(
        self, corpus: str | None, conversation: str, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Ask one of the starter questions."""
        async with contextlib.aclosing(self.ask(text_in(event, "question"), corpus, conversation, request)) as steps:
            async for updates in steps:
                yield updates

    async def ask(
        self, question: str, corpus: str | None, conversation: str, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Answer a question in the page, from the first search to the kept turn."""
        scope, turn = browser(request), Turn(question=question.strip(), corpus=corpus or "")
        if not turn.question:
            yield self._parts.nothing()
            return
        yield self._opening(turn, self._desk.conversations.turns(scope, conversation))
        running = Running(question=turn.question)
        try:
            async with contextlib.aclosing(self._run(turn, tab(request))) as steps:
                async for running, ended, updates in steps:
                    turn = dataclasses.replace(turn, answer=ended.answer, problem=ended.problem)
                    yield updates
        finally:
            # Also when the browser has gone: what was written so far is there when it comes back.
            if turn.answer is None and turn.problem is None:
                turn = dataclasses.replace(turn, answer=partial(running))
            conversation = self._keep(scope, conversation, turn)
        yield self._closing(scope, conversation, turn)

    async def prove(
        self, conversation: str, event: gr.EventData, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Answer the question of a turn again without drafts, and show whether it is the same."""
        scope = browser(request)
        turns = self._desk.conversations.turns(scope, conversation)
        turn = _turn(turns, number_in(event, "turn"))
        if turn is None or turn.answer is None:
            yield self._parts.nothing()
            return
        yield {**self._history.cards(turns, {turn.id: "Asking again without drafts"}), **self._busy(True)}
        ended = Turn(question=turn.question, corpus=turn.corpus)
        steps = self._run(ended, tab(request), speculate=False)
        async with contextlib.aclosing(steps):
            async for running, ended, _ in steps:
                status = f"Asking again without drafts: {len(running.text):,} characters"
                yield self._history.cards(turns, {turn.id: status})
        if ended.answer is not None and ended.answer.finish_reason != "cancelled":
            proved = dataclasses.replace(turn, proof=compare(turn.answer, ended.answer))
            self._desk.conversations.replace(scope, conversation, proved)
            turns = [proved if other.id == turn.id else other for other in turns]
        updates = {**self._history.cards(turns), **self._busy(False)}
        if ended.problem is not None:
            updates[self._parts.said] = problem_view(ended.problem)
        yield updates

    def show_sources(self, conversation: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the sources of an earlier turn, at one of its citations if the event names one."""
        turns = self._desk.conversations.turns(browser(request), conversation)
        turn = _turn(turns, number_in(event, "turn"))
        return self._history.panel(turn, focus=text_in(event, "cite"))

    def open_document(self, conversation: str, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the whole document of a passage, its cited characters marked."""
        turns = self._desk.conversations.turns(browser(request), conversation)
        turn, index = _turn(turns, number_in(event, "turn")), number_in(event, "passage")
        if turn is None or turn.answer is None or not 0 <= index < len(turn.answer.passages):
            return self._parts.nothing()
        answer, passage = turn.answer, turn.answer.passages[index]
        try:
            text = self._desk.shelf.text(turn.corpus, passage.passage_id)
        except Exception as error:
            return {self._parts.said: problem_view(problem_of(error))}
        spans = [
            (answer.passages[link.passage].start + link.source_start, answer.passages[link.passage].start + link.source_end)
            for link in links(answer.text, answer.citations, answer.passages)
            if answer.passages[link.passage].document == passage.document and link.kind == "copied"
        ]
        return {self._parts.reader: reader_view(passage.document, text, spans, (passage.start, passage.end))}

    async def _run(
        self, turn: Turn, tab_id: str, *, speculate: bool = True
    ) -> AsyncIterator[tuple[Running, Turn, Updates]]:
        """Steps of one stream: the card so far, the turn (complete in the last step only), and what to show."""
        pipeline, shelf = self._desk.pipeline, self._desk.shelf
        run = self._desk.runs.start(
            tab_id, lambda: pipeline.stream(turn.question, corpus=shelf.open(turn.corpus), speculate=speculate)
        )
        running, answer, linked, began_s = Running(question=turn.question), None, (0, 0), time.monotonic()
        try:
            async with contextlib.aclosing(run.batches()) as batches:
                async for batch in batches:
                    running, done = absorb(running, batch)
                    answer = done or answer
                    running = dataclasses.replace(running, status=status_of(running, time.monotonic() - began_s))
                    updates: Updates = {self._parts.live: running_view(running)}
                    found = links(running.text, running.citations, running.passages)
                    if linked != (linked := (len(running.passages), len(found))):
                        updates[self._parts.sources] = sources_view(0, running.passages, found)
                    yield running, turn, updates
        except Exception as error:
            yield running, dataclasses.replace(turn, problem=problem_of(error)), self._parts.nothing()
        else:
            yield running, dataclasses.replace(turn, answer=answer or partial(running)), self._parts.nothing()
        finally:
            self._desk.runs.finish(tab_id, run)

    def _opening(self, turn: Turn, earlier: list[Turn]) -> Updates:
        return {
            self._parts.question: "",
            self._parts.thread: thread_view(earlier),
            self._parts.live: running_view(Running(question=turn.question)),
            self._parts.sources: sources_view(0, (), ()),
            self._parts.said: announcement("Searching"),
            **self._busy(True),
        }

    def _closing(self, scope: str, conversation: str, turn: Turn) -> Updates:
        turns = self._desk.conversations.turns(scope, conversation) if scope else [turn]
        kept = turns[-1] if turns else turn
        return {
            **self._history.cards(turns),
            **self._history.chooser(scope, conversation),
            **self._history.panel(kept),
            self._parts.said: announcement(_summary(kept)),
            **self._busy(False),
        }

    def _keep(self, scope: str, conversation: str, turn: Turn) -> str:
        """Store the turn if the browser has a scope; returns the conversation it went into."""
        return self._desk.conversations.add(scope, conversation, turn)[0] if scope else ""

    def _busy(self, busy: bool) -> Updates:
        return {self._parts.ask: gr.Button(visible=not busy), self._parts.stop: gr.Button(visible=busy)}


def _turn(turns: list[Turn], wanted: int) -> Turn | None:
    return next((turn for turn in turns if turn.id == wanted), None)


def _summary(turn: Turn) -> str:
    if turn.answer is None:
        return "No answer"
    cited = len(links(turn.answer.text, turn.answer.citations, turn.answer.passages))
    return f"{turn.answer.text} Answer complete, {cited} linked to sources."
