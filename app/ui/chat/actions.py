"""What the Chat tab does with the pipeline: ask, stop, prove, and show where an answer came from.

Each action yields values by component. A browser that goes away closes the generator, and that stops the stream.
Must not build HTML.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator

import gradio as gr

from app.conversations.turns import Turn, compare
from app.generation.events import Answer
from app.output.links import links
from app.ui.chat.history import ChatComponents, ChatHistory
from app.ui.chat.run_question import Step, partial, run_question
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, browser, number_in, tab, text_in, words
from app.ui.state.error_display import reporting
from app.ui.views.answer import Running, running_view, thread_view
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.sources import reader_view, sources_view


class ChatActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: ChatComponents, history: ChatHistory) -> None:
        """Work with ``state`` on ``components``."""
        self._state = state
        self._ui = components
        self._history = history

    def stop(self, request: gr.Request) -> None:
        """Stop what runs in this browser tab."""
        self._state.runs.stop(tab(request))

    async def start(
        self, corpus: object, conversation: object, event: gr.EventData, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Ask one of the starter questions."""
        async with contextlib.aclosing(self.ask(text_in(event, "question"), corpus, conversation, request)) as steps:
            async for updates in steps:
                yield updates

    async def ask(
        self, question: object, corpus: object, conversation: object, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer a question in the page, from the first search to the kept turn."""
        scope, conversation = browser(request), words(conversation)
        # A quick user asks before the page has been told what corpora there are.
        asked = words(corpus) or self._state.corpus_choices()[1] or ""
        turn = Turn(question=words(question).strip(), corpus=asked)
        if not turn.question:
            yield self._ui.nothing()
            return
        yield self._opening(turn, self._state.conversations.turns(scope, conversation))
        step, linked = Step(Running(question=turn.question), turn), (0, 0)
        try:
            async with contextlib.aclosing(run_question(self._state, turn, tab(request), scope=scope)) as steps:
                async for step in steps:
                    updates: Updates = {self._ui.live: running_view(step.running)}
                    found = links(step.running.text, step.running.citations, step.running.passages)
                    if linked != (linked := (len(step.running.passages), len(found))):
                        updates[self._ui.sources] = sources_view(0, step.running.passages, found)
                    yield updates
        finally:
            # Also when the browser has gone: what was written so far is there when it comes back.
            turn = step.turn
            if turn.answer is None and turn.problem is None:
                turn = dataclasses.replace(turn, answer=partial(step.running))
            conversation = self._keep(scope, conversation, turn)
        yield self._closing(scope, conversation, turn)

    async def prove(
        self, conversation: object, event: gr.EventData, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer the question of a turn again, with drafts and without, and show whether it is the same."""
        scope, conversation = browser(request), words(conversation)
        turns = self._state.conversations.turns(scope, conversation)
        turn = _turn(turns, number_in(event, "turn"))
        if turn is None or turn.answer is None:
            yield self._ui.nothing()
            return
        yield {**self._history.cards(turns, {turn.id: "Asking again"}), **self._busy(True)}
        answers: list[Answer] = []
        again = Turn(question=turn.question, corpus=turn.corpus)
        for speculate, way in ((True, "with drafts"), (False, "without drafts")):
            again = Turn(question=turn.question, corpus=turn.corpus)
            async with contextlib.aclosing(
                run_question(self._state, again, tab(request), speculate=speculate)
            ) as steps:
                async for step in steps:
                    again = step.turn
                    status = f"Asking again {way}: {len(step.running.text):,} characters"
                    yield self._history.cards(turns, {turn.id: status})
            if again.answer is None or again.answer.finish_reason == "cancelled":
                break
            answers.append(again.answer)
        if len(answers) == 2:
            proved = dataclasses.replace(turn, proof=compare(turn.answer, *answers))
            self._state.conversations.replace(scope, conversation, proved)
            turns = [proved if other.id == turn.id else other for other in turns]
        said = problem_view(again.problem) if again.problem is not None else gr.skip()
        yield {**self._history.cards(turns), **self._busy(False), self._ui.said: said}

    def show_sources(self, conversation: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the sources of an earlier turn, at one of its citations if the event names one."""
        turns = self._state.conversations.turns(browser(request), words(conversation))
        turn = _turn(turns, number_in(event, "turn"))
        return self._history.panel(turn, focus=text_in(event, "cite"))

    def open_document(self, conversation: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the whole document of a passage, its cited characters marked."""
        turns = self._state.conversations.turns(browser(request), words(conversation))
        turn, index = _turn(turns, number_in(event, "turn")), number_in(event, "passage")
        if turn is None or turn.answer is None or not 0 <= index < len(turn.answer.passages):
            return self._ui.nothing()
        answer, passage = turn.answer, turn.answer.passages[index]
        with reporting() as problems:
            document = self._state.registry.document(turn.corpus, passage.passage_id)
        if problems:
            return {self._ui.said: problem_view(problems[0])}
        spans = [
            (
                answer.passages[link.passage].start + link.source_start,
                answer.passages[link.passage].start + link.source_end,
            )
            for link in links(answer.text, answer.citations, answer.passages)
            if answer.passages[link.passage].document == passage.document and link.kind == "copied"
        ]
        return {self._ui.reader: reader_view(document, spans, (passage.start, passage.end))}

    def _opening(self, turn: Turn, earlier: list[Turn]) -> Updates:
        return {
            self._ui.question: "",
            self._ui.thread: thread_view(earlier),
            self._ui.live: running_view(Running(question=turn.question)),
            self._ui.sources: sources_view(0, (), ()),
            self._ui.said: announcement("Searching"),
            **self._busy(True),
        }

    def _closing(self, scope: str, conversation: str, turn: Turn) -> Updates:
        turns = self._state.conversations.turns(scope, conversation) if scope else [turn]
        kept = turns[-1] if turns else turn
        return {
            **self._history.cards(turns),
            **self._history.chooser(scope, conversation),
            **self._history.panel(kept),
            self._ui.said: announcement(_summary(kept)),
            **self._busy(False),
        }

    def _keep(self, scope: str, conversation: str, turn: Turn) -> str:
        """Store the turn if the browser has a scope; returns the conversation it went into."""
        return self._state.conversations.add(scope, conversation, turn)[0] if scope else ""

    def _busy(self, busy: bool) -> Updates:
        return {self._ui.ask: gr.Button(visible=not busy), self._ui.stop: gr.Button(visible=busy)}


def _turn(turns: list[Turn], wanted: int) -> Turn | None:
    return next((turn for turn in turns if turn.id == wanted), None)


def _summary(turn: Turn) -> str:
    if turn.answer is None:
        return "No answer"
    cited = len(links(turn.answer.text, turn.answer.citations, turn.answer.passages))
    return f"{turn.answer.text} Answer complete, {cited} linked to sources."
