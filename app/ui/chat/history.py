"""The Chat tab's components by name, and the handlers that show stored conversations in them.

A browser sees its own conversations only: every look-up carries the scope of its cookie. Must not run the pipeline.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.conversations.turns import Turn
from app.output.links import links
from app.ui.state.app_state import AppState
from app.ui.state.browser_events import Updates, browser_scope, text_of
from app.ui.state.error_display import reporting
from app.ui.views.answer import thread_view
from app.ui.views.chrome import announcement, problem_view, starters_view, tools_view
from app.ui.views.sources import sources_view

NEW_CONVERSATION = ("New conversation", "")
_SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class ChatComponents:
    """The components of the tab. ``live`` holds the newest turn, ``thread`` those before it."""

    corpus: gr.Dropdown
    conversation: gr.Dropdown
    tools: gr.HTML
    thread: gr.HTML
    live: gr.HTML
    message: gr.HTML
    sources: gr.HTML
    reader: gr.HTML
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button

    def all(self) -> list[Any]:
        """Every component, as outputs of a handler."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def unchanged(self) -> Updates:
        """Updates that change nothing; Gradio would take an empty dict for a value."""
        return {self.message: gr.skip()}


class ChatHistory:
    """Handlers for conversations, and the updates that show one. Holds no state of a browser."""

    def __init__(self, state: AppState, components: ChatComponents) -> None:
        self._state = state
        self._ui = components

    def load(self, request: gr.Request) -> Updates:
        """Fill the tab for a browser that has just opened the page, with its latest conversation."""
        names, shown = self._state.corpus_choices()
        stored = self._state.conversations.of(browser_scope(request))
        return {
            self._ui.corpus: gr.Dropdown(choices=names, value=shown),
            **self._show(browser_scope(request), stored[0].id if stored else "", shown or ""),
        }

    def switch(self, conversation: object, corpus: object, request: gr.Request) -> Updates:
        """Show another conversation."""
        return self._show(browser_scope(request), text_of(conversation), text_of(corpus))

    def change_corpus(self, corpus: object, conversation: object, request: gr.Request) -> Updates:
        """Follow the choice of another corpus: an empty conversation greets with what it offers."""
        if self._state.conversations.turns(browser_scope(request), text_of(conversation)):
            return self._ui.unchanged()
        return {self._ui.thread: self._greeting(text_of(corpus))}

    def start_new(self, corpus: object, request: gr.Request) -> Updates:
        """Show an empty conversation."""
        return self._show(browser_scope(request), "", text_of(corpus))

    def delete(self, corpus: object, conversation: object, request: gr.Request) -> Updates:
        """Delete the conversation that is shown, and the drafts that the pipeline keeps of this browser's answers."""
        scope = browser_scope(request)
        with reporting() as problems:
            self._state.conversations.remove(scope, text_of(conversation))
        if scope:
            self._state.pipeline.forget(scope)
        if problems:
            return {self._ui.message: problem_view(problems[0])}
        return {
            **self._show(scope, "", text_of(corpus)),
            self._ui.message: announcement("Conversation deleted"),
        }

    def conversation_list(self, scope: str, conversation: str) -> Updates:
        """The list of conversations with ``conversation`` chosen, and the buttons that belong to it."""
        stored = [(entry.title, entry.id) for entry in self._state.conversations.of(scope)]
        return {
            self._ui.conversation: gr.Dropdown(choices=[NEW_CONVERSATION, *stored], value=conversation),
            self._ui.tools: tools_view(bool(conversation)),
        }

    def cards(self, turns: Sequence[Turn], proving: dict[int, str] | None = None) -> Updates:
        """The turns as cards, the newest in its own component. ``proving``: status of running proofs by turn id."""
        return {
            self._ui.thread: thread_view(turns[:-1], proving),
            self._ui.live: thread_view(turns[-1:], proving),
        }

    def sources(self, turn: Turn | None, focus: str = "") -> Updates:
        """The sources of ``turn``, at its citation ``focus`` if there is one."""
        if turn is None or turn.answer is None:
            return {self._ui.sources: sources_view(0, (), ())}
        answer = turn.answer
        linked = links(answer.text, answer.citations, answer.passages)
        return {self._ui.sources: sources_view(turn.id, answer.passages, linked, focus=focus)}

    def _show(self, scope: str, conversation: str, corpus: str) -> Updates:
        turns = self._state.conversations.turns(scope, conversation)
        updates = {**self.conversation_list(scope, conversation if turns else ""), **self.cards(turns)}
        if not turns:
            updates[self._ui.thread] = self._greeting(corpus)
        return {**updates, **self.sources(turns[-1] if turns else None), self._ui.reader: ""}

    def _greeting(self, corpus: str) -> str:
        return starters_view(corpus, is_sample=corpus == _SAMPLE)
