"""Handlers of the Chat tab that run the pipeline: ask, stop, prove, and show where an answer came from.

``run_question`` runs one question from its first search to its answer, as steps that a card can show; asking uses it,
and so does proving, which asks again without drafts. Each handler yields new values by component. A browser that goes
away closes the generator, which stops the stream. Must not build HTML.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import gradio as gr

from app.conversations.turns import Turn, compare, messages
from app.errors import InputError
from app.generation.events import NO_STATS, Answer, Citation, Done, Event, Retrieval, TextDelta
from app.output.formatting import count
from app.output.links import links
from app.ui.chat.history import ChatComponents, ChatHistory
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, browser_scope, number_in, tab_id, text_in, text_of
from app.ui.state.error_display import reporting
from app.ui.state.interfaces import AnswerStream
from app.ui.views.answer import RunningAnswer, running_view, thread_view
from app.ui.views.chrome import announcement, problem_view
from app.ui.views.sources import reader_view, sources_view
from corpora.errors import DocumentNotFound


@dataclass(frozen=True, slots=True)
class Step:
    """The answer so far. ``turn`` is complete, with an answer or a problem, in the last step only."""

    running: RunningAnswer
    turn: Turn


async def run_question(
    state: AppState,
    turn: Turn,
    tab: str,
    *,
    earlier: Sequence[Turn] = (),
    scope: str = "",
    speculate: bool = True,
) -> AsyncGenerator[Step, None]:
    """Run the question of ``turn`` for the browser tab ``tab``; it goes on with the ``earlier`` turns.

    Closing the generator stops the stream.

    Earlier answers are drafted from only if they were given in the same, non-empty ``scope``. Raises nothing: what goes
    wrong is the problem of the last step's turn.
    """

    def open_stream() -> AnswerStream:
        if not turn.corpus:
            raise InputError("there is no corpus yet", hint="create one in the Library and add files to it")
        corpus = state.registry.open(turn.corpus)
        history = messages(earlier)
        return state.pipeline.stream(
            turn.question, corpus=corpus, history=history, speculate=speculate, scope=scope or None
        )

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
        state.runs.finish(run)
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
        stats=NO_STATS,
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


class ChatActions:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: ChatComponents, history: ChatHistory) -> None:
        """Run questions on ``state``; show turns in ``components`` with the help of ``history``."""
        self._state = state
        self._ui = components
        self._history = history

    def stop(self, request: gr.Request) -> None:
        """Stop what runs in this browser tab."""
        self._state.runs.stop(tab_id(request))

    async def ask_starter(
        self, corpus: object, conversation: object, event: gr.EventData, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Ask the starter question that the button carries."""
        async with contextlib.aclosing(self.ask(text_in(event, "question"), corpus, conversation, request)) as steps:
            async for updates in steps:
                yield updates

    async def ask(
        self, question: object, corpus: object, conversation: object, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer a question in the page, from the first search to the stored turn."""
        scope, conversation = browser_scope(request), text_of(conversation)
        # A quick user asks before the page has been told what corpora there are.
        chosen_corpus = text_of(corpus) or self._state.corpus_choices()[1] or ""
        turn = Turn(question=text_of(question).strip(), corpus=chosen_corpus)
        if not turn.question:
            yield self._ui.unchanged()
            return
        earlier = self._state.conversations.turns(scope, conversation)
        yield self._opening(turn, earlier)
        step, drawn = Step(RunningAnswer(question=turn.question), turn), (0, 0)
        try:
            run = run_question(self._state, turn, tab_id(request), earlier=earlier, scope=scope)
            async with contextlib.aclosing(run) as steps:
                async for step in steps:
                    updates: Updates = {self._ui.live: running_view(step.running)}
                    linked = links(step.running.text, step.running.citations, step.running.passages)
                    if drawn != (drawn := (len(step.running.passages), len(linked))):
                        updates[self._ui.sources] = sources_view(0, step.running.passages, linked)
                    yield updates
        finally:
            # Also when the browser has gone: what was written so far is there when it comes back.
            turn = step.turn
            if turn.answer is None and turn.problem is None:
                turn = dataclasses.replace(turn, answer=partial_answer(step.running))
            conversation = self._store(scope, conversation, turn)
        yield self._closing(scope, conversation, turn)

    async def prove(
        self, conversation: object, event: gr.EventData, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer the question of a turn again, with drafts and without, and show whether it is the same."""
        scope, conversation = browser_scope(request), text_of(conversation)
        turns = self._state.conversations.turns(scope, conversation)
        turn = _turn(turns, number_in(event, "turn"))
        if turn is None or turn.answer is None:
            yield self._ui.unchanged()
            return
        yield {**self._history.cards(turns, {turn.id: "Asking again"}), **self._busy(True)}
        answers: list[Answer] = []
        again = Turn(question=turn.question, corpus=turn.corpus)
        for speculate, how in ((True, "with drafts"), (False, "without drafts")):
            again = Turn(question=turn.question, corpus=turn.corpus)
            earlier = turns[: turns.index(turn)]
            run = run_question(self._state, again, tab_id(request), earlier=earlier, speculate=speculate)
            async with contextlib.aclosing(run) as steps:
                async for step in steps:
                    again = step.turn
                    status = f"Asking again {how}: {count(len(step.running.text), 'character')}"
                    yield self._history.cards(turns, {turn.id: status})
            if again.answer is None or again.answer.finish_reason == "cancelled":
                break
            answers.append(again.answer)
        if len(answers) == 2:
            proved = dataclasses.replace(turn, proof=compare(turn.answer, *answers))
            self._state.conversations.replace(scope, conversation, proved)
            turns = [proved if other.id == turn.id else other for other in turns]
        message = problem_view(again.problem) if again.problem is not None else gr.skip()
        yield {**self._history.cards(turns), **self._busy(False), self._ui.message: message}

    def show_sources(self, conversation: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the sources of an earlier turn, at one of its citations if the event names one."""
        turns = self._state.conversations.turns(browser_scope(request), text_of(conversation))
        turn = _turn(turns, number_in(event, "turn"))
        return self._history.sources(turn, focus=text_in(event, "cite"))

    def open_document(self, conversation: object, event: gr.EventData, request: gr.Request) -> Updates:
        """Show the whole document of a passage, its cited characters marked."""
        turns = self._state.conversations.turns(browser_scope(request), text_of(conversation))
        turn, index = _turn(turns, number_in(event, "turn")), number_in(event, "passage")
        if turn is None or turn.answer is None or index is None or index >= len(turn.answer.passages):
            return self._ui.unchanged()
        answer, passage = turn.answer, turn.answer.passages[index]
        with reporting() as problems:
            try:
                document = self._state.registry.document(turn.corpus, passage.passage_id)
            except DocumentNotFound as error:  # It knows an id; a reader knows the name.
                raise DocumentNotFound(
                    f"{passage.document} is no longer in {turn.corpus} as it was when this was answered",
                    hint="it has been removed or replaced; ask again to see what is there now",
                ) from error
        if problems:
            return {self._ui.message: problem_view(problems[0])}
        spans = [
            (
                answer.passages[link.passage].start + link.source_start,
                answer.passages[link.passage].start + link.source_end,
            )
            for link in links(answer.text, answer.citations, answer.passages)
            if answer.passages[link.passage].document == passage.document and link.kind == "copied"
        ]
        spans += [
            span
            for citation in answer.citations
            if citation.kind == "computed" and citation.document == passage.document
            for span in citation.rows
        ]
        return {self._ui.reader: reader_view(document, spans, (passage.start, passage.end))}

    def _opening(self, turn: Turn, earlier: list[Turn]) -> Updates:
        return {
            self._ui.question: "",
            self._ui.thread: thread_view(earlier),
            self._ui.live: running_view(RunningAnswer(question=turn.question)),
            self._ui.sources: sources_view(0, (), ()),
            self._ui.message: announcement("Searching"),
            **self._busy(True),
        }

    def _closing(self, scope: str, conversation: str, turn: Turn) -> Updates:
        turns = self._state.conversations.turns(scope, conversation) if scope else [turn]
        newest = turns[-1] if turns else turn
        return {
            **self._history.cards(turns),
            **self._history.conversation_list(scope, conversation),
            **self._history.sources(newest),
            self._ui.message: announcement(_summary(newest)),
            **self._busy(False),
        }

    def _store(self, scope: str, conversation: str, turn: Turn) -> str:
        """Store the turn if the browser has a scope; returns the conversation that it was added to."""
        return self._state.conversations.add(scope, conversation, turn)[0] if scope else ""

    def _busy(self, busy: bool) -> Updates:
        return {self._ui.ask: gr.Button(visible=not busy), self._ui.stop: gr.Button(visible=busy)}


def _turn(turns: list[Turn], number: int | None) -> Turn | None:
    return next((turn for turn in turns if turn.id == number), None)


def _summary(turn: Turn) -> str:
    if turn.answer is None:
        return "No answer"
    linked = links(turn.answer.text, turn.answer.citations, turn.answer.passages)
    cited = len({(link.answer_start, link.answer_end) for link in linked})
    return f"{turn.answer.text} Answer complete, {cited} linked to sources."
