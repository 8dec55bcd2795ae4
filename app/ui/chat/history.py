"""The components of the Chat tab by name, and the updates that actions return for them.

Conversations in the Chat tab: open the page, switch, start a new one, delete one.

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
from app.ui.state.browser_events import Updates, browser, words
from app.ui.views.answer import thread_view
from app.ui.views.chrome import announcement, starters_view, tools_view
from app.ui.views.sources import sources_view


@dataclass(frozen=True, slots=True)
class ChatComponents:
    """The components of the tab. ``live`` holds the newest turn, ``thread`` those before it."""

    corpus: gr.Dropdown
    conversation: gr.Dropdown
    tools: gr.HTML
    thread: gr.HTML
    live: gr.HTML
    said: gr.HTML
    sources: gr.HTML
    reader: gr.HTML
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button

    def all(self) -> list[Any]:
        """Every component, as outputs."""
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def nothing(self) -> Updates:
        """Change nothing; Gradio takes an empty dict for a value."""
        return {self.said: gr.skip()}


NEW = ("New conversation", "")


class ChatHistory:
    """The handlers. They hold no state of a browser."""

    def __init__(self, state: AppState, components: ChatComponents) -> None:
        """Work with ``state`` on ``components``."""
        self._state = state
        self._ui = components

    def load(self, request: gr.Request) -> Updates:
        """Fill the tab for a browser that has just opened the page, with its latest conversation."""
        names, shown = self._state.corpus_choices()
        stored = self._state.conversations.of(browser(request))
        return {
            self._ui.corpus: gr.Dropdown(choices=names, value=shown),
            **self._conversation(browser(request), stored[0].id if stored else "", shown or ""),
        }

    def switch(self, conversation: object, corpus: object, request: gr.Request) -> Updates:
        """Show another conversation."""
        return self._conversation(browser(request), words(conversation), words(corpus))

    def choose(self, corpus: object, conversation: object, request: gr.Request) -> Updates:
        """Another corpus was chosen: what an empty conversation offers depends on it."""
        if self._state.conversations.turns(browser(request), words(conversation)):
            return self._ui.nothing()
        return {self._ui.thread: self.hello(words(corpus))}

    def fresh(self, corpus: object, request: gr.Request) -> Updates:
        """Start a new conversation."""
        return self._conversation(browser(request), "", words(corpus))

    def forget(self, corpus: object, conversation: object, request: gr.Request) -> Updates:
        """Delete the conversation that is shown."""
        scope = browser(request)
        self._state.conversations.remove(scope, words(conversation))
        if scope:
            self._state.pipeline.forget(scope)
        return {
            **self._conversation(browser(request), "", words(corpus)),
            self._ui.said: announcement("Conversation deleted"),
        }

    def hello(self, corpus: str) -> str:
        """What an empty conversation shows."""
        return starters_view(corpus, is_sample=corpus == "sample")

    def chooser(self, scope: str, conversation: str) -> Updates:
        """The list of conversations with ``conversation`` chosen, and the tools that go with it."""
        stored = [(entry.title, entry.id) for entry in self._state.conversations.of(scope)]
        return {
            self._ui.conversation: gr.Dropdown(choices=[NEW, *stored], value=conversation),
            self._ui.tools: tools_view(bool(conversation)),
        }

    def cards(self, turns: Sequence[Turn], proving: dict[int, str] | None = None) -> Updates:
        """The turns as cards, the newest in its own component."""
        return {
            self._ui.thread: thread_view(turns[:-1], proving),
            self._ui.live: thread_view(turns[-1:], proving),
        }

    def panel(self, turn: Turn | None, focus: str = "") -> Updates:
        """The sources of ``turn``."""
        if turn is None or turn.answer is None:
            return {self._ui.sources: sources_view(0, (), ())}
        answer = turn.answer
        found = links(answer.text, answer.citations, answer.passages)
        return {self._ui.sources: sources_view(turn.id, answer.passages, found, focus=focus)}

    def _conversation(self, scope: str, conversation: str, corpus: str) -> Updates:
        turns = self._state.conversations.turns(scope, conversation)
        updates = {**self.chooser(scope, conversation if turns else ""), **self.cards(turns)}
        if not turns:
            updates[self._ui.thread] = self.hello(corpus)
        return {**updates, **self.panel(turns[-1] if turns else None), self._ui.reader: ""}
